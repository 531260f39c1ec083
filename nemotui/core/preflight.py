"""The preflight: everything asked at once, each check told as soon as it and those before it are known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeVar

from nemotui.core import preflight_checks as checks
from nemotui.core import preflight_fetch as fetching
from nemotui.core.cure import Change
from nemotui.core.errors import NemotuiError, NothingThereError, Problem
from nemotui.core.plan import ContainerSpec, Plan, container_spec
from nemotui.core.ports import Backends
from nemotui.core.preflight_checks import Check
from nemotui.core.reach import Login
from nemotui.core.surroundings import EngineFacts

T = TypeVar("T")

_NEEDS_ENGINE = ("toolkit", "name", "image", "arguments")
_NO_ENGINE = "the engine cannot be asked"
_GIVEN_UP: Final = ("name", "port", "gpus")  # by a server of ours to the one that takes its place


class _Asked:
    """Questions under way, dropped when nobody waits for their answers any more."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def begin(self, question: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(question)
        self._tasks.append(task)
        return task

    async def drop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def preflight(
    b: Backends,
    plan: Plan | None,
    way_in: Login,
    *,
    no_plan: Problem | None = None,
    spec: ContainerSpec | None = None,
) -> AsyncGenerator[Check, None]:
    """Every check of a plan, in one order. Without a plan, which `no_plan` explains, those that need none.

    `spec` is the container, where it is another than the plan's own.
    """
    asked = _Asked()
    try:
        async for check in _checks(b, plan, way_in, no_plan, asked, spec):
            yield check
    finally:
        await asked.drop()


async def _checks(
    b: Backends, plan: Plan | None, way_in: Login, no_plan: Problem | None, asked: _Asked, spec: ContainerSpec | None
) -> AsyncGenerator[Check, None]:
    around = b.surroundings
    machine = asked.begin(b.probe.sample())
    engine: EngineFacts | None = None
    try:
        engine = await around.engine()
        yield checks.engine(engine)
    except NemotuiError as error:
        yield checks.refused("engine", error.problem, "an engine you may use")
    host = asked.begin(around.host(plan, engine.data_root if engine else None))
    if plan is None:
        if no_plan:
            yield checks.refused("plan", no_plan, "a plan for these GPUs")
        yield checks.logout(await host, engine)
        return
    holder = asked.begin(around.holder(plan.name)) if engine else None
    image, held = None, 0
    if engine:
        with suppress(NemotuiError):
            image = await around.image(plan.image)
    trial = asked.begin(around.try_arguments(spec or container_spec(plan))) if image else None
    tag = asked.begin(around.tag(plan.image)) if engine and image is None else None
    with suppress(NemotuiError):
        held = await b.cache.held_bytes(plan.model)
    weights = fetching.weights_to_fetch(held, plan, b.catalog)
    hub = asked.begin(around.hub(plan.model)) if weights else None
    if engine:
        yield checks.toolkit(engine, plan)
    try:
        found = await machine
        yield checks.driver(found, image, plan)
        yield checks.gpus(found, plan)
        yield checks.memory(found, await host, plan)
    except NothingThereError as error:
        if plan.gpus:
            yield checks.refused("driver", error.problem, "an NVIDIA driver")
    yield checks.shared_memory(await host, plan)
    yield checks.port(await host, plan)
    if holder:
        yield checks.name(await holder, plan)
        yield fetching.image(image, await tag if tag else None, plan)
    yield fetching.disk(image, await host, weights=weights, held=held)
    yield fetching.token(await host, await hub if hub else None)
    yield fetching.network(await host, await hub if hub else None)
    yield checks.exposure(plan, way_in)
    yield checks.logout(await host, engine)
    if trial:
        yield fetching.arguments(await trial)
    elif engine:
        yield checks.skipped("arguments", "the image is not here yet: its parser cannot be asked")
    if engine is None:
        for name in _NEEDS_ENGINE:
            yield checks.skipped(name, _NO_ENGINE)


def failed(found: Sequence[Check]) -> tuple[Check, ...]:
    """What keeps the plan from being started."""
    return tuple(check for check in found if check.status == "fail")


def in_the_way(found: Sequence[Check], *, anyway: bool) -> tuple[Check, ...]:
    """The failures that stand. `anyway` overrules those that are estimates."""
    return tuple(check for check in failed(found) if not (anyway and check.estimate))


def given_up(check: Check) -> Check:
    """The check of a plan that replaces a server of ours: what that one holds stands in nobody's way."""
    if check.status != "fail" or check.name not in _GIVEN_UP:
        return check
    return replace(checks.skipped(check.name, f"{check.found}: it gives way"), estimate=check.estimate)


def cures(standing: Sequence[Check]) -> tuple[Change, ...]:
    """The settings that mend what can be mended by a setting; none beside a server of ours, which would still stand."""
    if any(check.kind == "runs_already" for check in standing):
        return ()
    return tuple(change for check in standing for change in check.cure)
