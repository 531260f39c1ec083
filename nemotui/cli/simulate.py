"""`nemotui simulate`: the pretend vLLM server alone, on a port."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from nemotui.cli.backends import backends
from nemotui.cli.deploy import follow_deployment, serve_on
from nemotui.cli.output import Answer
from nemotui.cli.plans import chosen, plan_request
from nemotui.cli.verb import Invocation, Real, plan_flags, verb
from nemotui.core.plan import container_spec
from nemotui.sim.faults import FAULTS


@verb(
    example="nemotui simulate --demo 2xb200 --port 8001 --speed 10",
    lines=True,
    flags=(
        plan_flags,
        click.option(
            "--stall-after",
            type=Real(0, 1e6),
            metavar="S",
            help="Hang after S seconds: no token more, /health 200.",
        ),
        click.option(
            "--fault",
            type=click.Choice(FAULTS),
            multiple=True,
            help="Something wrong that `nemotui verify` finds; may be given again.",
        ),
        click.option(
            "--jitter",
            type=Real(0, 1),
            metavar="SHARE",
            help="Vary each step's time, by so much of it (standard deviation).",
        ),
        click.option(
            "--slower",
            type=Real(0, 100),
            metavar="SHARE",
            help="Let each step take so much longer (0.05: 5 %), for `nemotui compare` to find.",
        ),
    ),
)
async def simulate(
    inv: Invocation,
    stall_after: float | None,
    fault: tuple[str, ...],
    jitter: float | None,
    slower: float | None,
    **flags: Any,
) -> Answer:
    """Serve a pretend vLLM server alone, until Ctrl+C.

    It is that of a pretend machine (default 2xh100). It speaks vLLM's API on the timing of published hardware: for
    trying a client, or a script, without a GPU.
    """
    from nemotui.sim.machines import DEFAULT_PROFILE

    inv = replace(inv, demo=inv.demo or DEFAULT_PROFILE)
    async with backends(inv, start_s=0.5) as b:
        spec = container_spec(await chosen(b, plan_request(inv, flags)))
        for name, value in (("stall-after", stall_after), ("jitter", jitter), ("slower", slower)):
            if value is not None:
                spec = replace(spec, args=(*spec.args, f"--{name}", str(value)))
        if fault:
            spec = replace(spec, args=(*spec.args, "--fault", ",".join(fault)))
        answer = await follow_deployment(inv, b, spec)
        if answer.exit_code == 0:
            await serve_on(inv, b, answer)
        return answer
