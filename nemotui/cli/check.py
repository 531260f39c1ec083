"""`nemotui check`: the preflight, which `deploy` and `up` also run before they start anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import click

from nemotui.cli.backends import backends
from nemotui.cli.checked import check_text, checks_json, others_named
from nemotui.cli.output import Answer, Output, shell
from nemotui.cli.plans import chosen, plan_request
from nemotui.cli.retry import cure_json
from nemotui.cli.verb import Invocation, plan_flags, verb
from nemotui.core.cure import cured
from nemotui.core.errors import FailedError, NothingThereError, Problem
from nemotui.core.plan import ContainerSpec, Plan, container_spec
from nemotui.core.ports import Backends, Container
from nemotui.core.preflight import cures, failed, given_up, in_the_way, preflight
from nemotui.core.preflight_checks import Check
from nemotui.core.reach import Login, login
from nemotui.core.text import plain_line


@verb(
    example="nemotui check --variant FP8 --port 8001",
    machine=True,
    empty={"ok": False, "checks": []},
    flags=(click.argument("extra", nargs=-1, metavar="[-- VLLM_ARGS…]"), plan_flags),
)
async def check(inv: Invocation, extra: tuple[str, ...], **flags: Any) -> Answer:
    """What would make a deployment fail, with what mends it.

    It starts nothing.
    """
    request = plan_request(inv, flags, extra)
    async with backends(inv) as b:
        plan, no_plan = None, None
        try:
            plan = await chosen(b, request)
        except (FailedError, NothingThereError) as error:
            no_plan = error.problem
        found = await examined(inv.out, b, plan, no_plan)
    bad = failed(found)
    document = {"ok": not bad, "checks": checks_json(found)}
    if not bad:
        return Answer(document, "Nothing stands in the way of this deployment.")
    return Answer(document, exit_code=1, error=summary(bad))


async def examined(
    out: Output,
    b: Backends,
    plan: Plan | None,
    no_plan: Problem | None = None,
    *,
    spec: ContainerSpec | None = None,
    replaces: bool = False,
) -> list[Check]:
    """The checks, each said as it comes."""
    found = []
    async with aclosing(preflight(b, plan, way_in(), no_plan=no_plan, spec=spec)) as checks:
        async for each in checks:
            found.append(given_up(each) if replaces else each)
            out.say(check_text(found[-1]))
    return found


async def cleared(
    inv: Invocation, b: Backends, plan: Plan, *, spec: ContainerSpec | None = None, anyway: bool, replaces: bool = False
) -> Answer | None:
    """The preflight before a start; the answer that ends the verb where something stands in the way.

    With `replaces` the server of the plan's name gives way, and with it its port and its GPUs. Where a setting mends
    what is in the way, the whole command is said.
    """
    found = await examined(inv.out, b, plan, spec=spec, replaces=replaces)
    inv.out.event("checked", {"checks": checks_json(found)})
    standing = in_the_way(found, anyway=anyway)
    if not standing:
        return None
    cure = cure_json(cured(spec or container_spec(plan), cures(standing)))
    if cure:
        unmended = ", ".join(check.name for check in standing if not check.cure)
        again = f"Mend {unmended} first, then try again with:" if unmended else "Try again with:"
        inv.out.note(f"{again}\n{shell(cure['retry'])}")
    nothing_there = standing[0].name == "engine"
    return Answer(
        {"checks": checks_json(found), "cure": cure},
        exit_code=3 if nothing_there else 1,
        error=summary(standing, offer=not anyway),
    )


def summary(bad: Sequence[Check], *, offer: bool = False) -> Problem:
    """What stands in the way in one sentence, and its first fix. `offer`: say where it could be overruled."""
    # A server of ours first: its port, and the memory of its GPUs, go with it.
    first = next((check for check in bad if check.kind == "runs_already"), bad[0])
    others = others_named([check for check in bad if check is not first])
    anyway = (
        " Or start all the same with --anyway: it is an estimate." if offer and all(c.estimate for c in bad) else ""
    )
    fix = first.fix if first.fix.endswith((".", "…")) or not anyway else f"{first.fix}."
    return Problem(first.kind or first.name.replace("-", "_"), f"{first.found}{others}", f"{fix}{anyway}")


def way_in() -> Login:
    """How a laptop reaches this machine by SSH."""
    from nemotui.adapters.user import user_name

    return login(os.environ, user=user_name(), hostname=plain_line(socket.gethostname()))


def tunnel(container: Container) -> str | None:
    """The line for a laptop; None where the container publishes no port."""
    return way_in().tunnel(container.port, container.bind) if container.port else None
