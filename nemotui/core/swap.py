"""A server of ours gives its place to another: the old one is kept until the new one answers, and comes back if not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Final

from nemotui.core.deploy import Created, DeployEvent, Ready, deploy, pull_image
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError
from nemotui.core.failed import Failed, refused
from nemotui.core.lookout import Lookout
from nemotui.core.model_server import ModelServer
from nemotui.core.plan import ALL_GPUS, ContainerSpec
from nemotui.core.ports import Clock, Container, ContainerRuntime
from nemotui.core.serve_args import memory_share
from nemotui.core.stop import GRACE_S

_PREVIOUS: Final = "-previous"
_WHOLE: Final = 0.98  # of a GPU: more is not to be had


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """How it goes: `beside` the old server, which serves until the new one does; else in its place. Why not beside."""

    old: Container
    old_spec: ContainerSpec
    spec: ContainerSpec
    why_not_beside: str = ""

    @property
    def beside(self) -> bool:
        return not self.why_not_beside

    @property
    def steps(self) -> tuple[str, ...]:
        """What will happen, in order."""
        name = self.old.name
        if self.beside:
            return (
                f"{_next(name)} starts beside {name}, which goes on serving.",
                f"Once it answers, {name} is stopped and removed, and the new one takes its name.",
                f"If it fails, {name} never stopped serving.",
            )
        return (
            f"{self.why_not_beside}: {name} is stopped first, up to {GRACE_S} s, and kept as {_previous(name)}.",
            "The new one starts; until it answers nothing is served.",
            f"Once it answers, {_previous(name)} is removed.",
            f"If it fails, {_previous(name)} gets its name back and is started again.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapping:
    """A step of it, in words."""

    step: str


async def plan_swap(runtime: ContainerRuntime, old: Container, spec: ContainerSpec) -> Swap:
    """How `spec` can take the place of `old`."""
    old_spec = await runtime.spec(old.id)
    return Swap(old=old, old_spec=old_spec, spec=spec, why_not_beside=_why_not_beside(old_spec, spec))


async def swap(
    runtime: ContainerRuntime,
    server: ModelServer,
    plan: Swap,
    clock: Clock,
    look: Callable[[Container], Lookout] | None = None,
) -> AsyncGenerator[DeployEvent | Swapping, None]:
    """Follow the new one to `Ready` or `Failed`, the last event; a failure says what became of the old one.

    Whoever stops listening on the way leaves both as they are then.
    """
    old, spec = plan.old, plan.spec
    try:
        if not await runtime.has_image(spec.image):  # while the old one still serves
            async with aclosing(pull_image(runtime, spec.image, clock)) as pull:
                async for pulling in pull:
                    yield pulling
        if plan.beside:
            starting = replace(spec, name=_next(old.name))
        else:
            starting = spec
            yield Swapping(step=f"{old.name} is stopped, up to {GRACE_S} s")
            await _forget(runtime, _previous(old.name))
            await runtime.stop(old.id, grace_s=GRACE_S)
            await runtime.rename(old.id, _previous(old.name))
    except FailedError as error:
        yield refused(error, spec)
        return
    new: Container | None = None
    async with aclosing(deploy(runtime, server, starting, clock, look)) as events:
        async for event in events:
            match event:
                case Created(container=container):
                    new = container
                    yield event
                case Ready():
                    await _take_over(runtime, plan, event.container)
                    yield replace(event, container=replace(event.container, name=old.name))
                case Failed() if plan.beside:
                    yield replace(event, remedy=f"{event.remedy} {old.name} goes on serving.".strip())
                case Failed():
                    yield Swapping(step=f"{old.name} is started again")
                    yield replace(event, remedy=f"{event.remedy} {await _back(runtime, old, new)}".strip())
                case _:
                    yield event


async def _take_over(runtime: ContainerRuntime, plan: Swap, new: Container) -> None:
    with suppress(NemotuiError):  # the new one serves: whatever is left of the old one, `clean` finds
        if plan.beside:
            await runtime.stop(plan.old.id, grace_s=GRACE_S)
        await runtime.remove(plan.old.id)
        if plan.beside:
            await runtime.rename(new.id, plan.old.name)


async def _back(runtime: ContainerRuntime, old: Container, new: Container | None) -> str:
    """The old one under its name and running again; in words, how that went."""
    try:
        if new is not None:
            await _forget(runtime, _failed(old.name))
            with suppress(NothingThereError):
                await runtime.rename(new.id, _failed(old.name))  # kept for its log
        await runtime.rename(old.id, old.name)
        await runtime.start_again(old.id)
    except NemotuiError as error:
        return f"{old.name} could not be started again: {error}"
    return f"{old.name} is started again as it was."


def left_behind(containers: Sequence[Container]) -> Container | None:
    """A server that was stopped to give its place to another, where nothing of ours runs: nobody finished that."""
    ours = [container for container in containers if container.ours]
    if any(container.going_on for container in ours):
        return None
    return next((c for c in ours if c.name.endswith(_PREVIOUS) and c.state in ("exited", "dead")), None)


async def bring_back(runtime: ContainerRuntime, previous: Container) -> Container:
    """Start it again under its own name; what has failed in its place is kept for its log."""
    name = previous.name.removesuffix(_PREVIOUS)
    for container in await runtime.containers():
        if container.name == name and container.ours:
            await _forget(runtime, _failed(name))
            await runtime.rename(container.id, _failed(name))
    await runtime.rename(previous.id, name)
    return await runtime.start_again(previous.id)


async def _forget(runtime: ContainerRuntime, name: str) -> None:
    """An earlier one of this name that has ended."""
    for container in await runtime.containers():
        if container.name == name and container.ours and container.state in ("exited", "dead", "created"):
            await runtime.remove(container.id)


def _why_not_beside(old: ContainerSpec, new: ContainerSpec) -> str:
    """Empty where both can run at once."""
    if old.port == new.port:
        return f"Both want port {new.port}"
    if not (ALL_GPUS in (old.gpus, new.gpus) and old.gpus and new.gpus) and not set(old.gpus) & set(new.gpus):
        return ""
    share = memory_share(old.args) + memory_share(new.args)
    return f"The memory of the GPUs is not enough for both ({share:.0%} of it)" if share > _WHOLE else ""


def _next(name: str) -> str:
    return f"{name}-next"


def _previous(name: str) -> str:
    return f"{name}{_PREVIOUS}"


def _failed(name: str) -> str:
    return f"{name}-failed"
