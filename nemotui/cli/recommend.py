"""`nemotui recommend`: ranked plans for these GPUs, with the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nemotui.cli.backends import backends
from nemotui.cli.output import Answer, shell, table, wrapped
from nemotui.cli.plans import plan_request
from nemotui.cli.verb import Invocation, plan_flags, verb
from nemotui.core.errors import Problem
from nemotui.core.plan import container_spec, docker_run
from nemotui.core.recommend import Recommendation, recommendation_json
from nemotui.core.recommend import recommend as ranked
from nemotui.core.show import band, number


@verb(
    example="nemotui recommend --context 131072",
    machine=True,
    empty={"recommendations": []},
    flags=(plan_flags,),
)
async def recommend(inv: Invocation, **flags: Any) -> Answer:
    """Ranked plans for the GPUs that are free now, best first, each with the reason and the exact command."""
    async with backends(inv) as b:
        machine = await b.probe.sample()
        plans = ranked(machine, b.catalog, plan_request(inv, flags))
    document = {"recommendations": [recommendation_json(plan) for plan in plans]}
    fits = any(plan.verdict != "no" for plan in plans)
    error = None if fits else Problem("nothing_fits", "no plan fits these GPUs", "The reasons stand with each plan.")
    return Answer(document, plans_text(plans), exit_code=0 if fits else 1, error=error)


def plans_text(plans: Sequence[Recommendation]) -> str:
    """A line a plan, then the reasons of each, and the command of the first."""
    parts = [plans_table(plans), *(plan_text(i, plan) for i, plan in enumerate(plans, 1))]
    if plans and plans[0].plan:
        parts.append(shell(docker_run(container_spec(plans[0].plan))))
    return "\n\n".join(parts)


def plans_table(plans: Sequence[Recommendation]) -> str:
    """A line a plan."""
    head = ("#", "VARIANT", "TP", "VERDICT", "SEQS", "OUT TOK/S", "TTFT s", "ITL ms", "SOURCE")
    return table([head, *(_row(i, plan) for i, plan in enumerate(plans, 1))], right=(0, 2, 4))


def plan_text(rank: int, plan: Recommendation) -> str:
    """A plan, its reasons, and what would help."""
    lines = [f"{rank}. {plan.variant} on {_gpus(plan)}, context {plan.max_model_len:,}: {plan.verdict}"]
    lines += [wrapped(reason, "   ") for reason in plan.reasons]
    lines += [wrapped(f"-> {plan.would_fit_if}", "   ")] if plan.would_fit_if else []
    return "\n".join(lines)


def _gpus(plan: Recommendation) -> str:
    count = plan.tensor_parallel_size * plan.data_parallel_size
    copies = f", {plan.data_parallel_size} copies" if plan.data_parallel_size > 1 else ""
    return f"{count} GPU{'s' if count > 1 else ''}{copies}"


def _row(rank: int, plan: Recommendation) -> tuple[str, ...]:
    expected = plan.predicted
    shown = ("n/a", "n/a", "n/a", "")
    if expected:
        ttft = (expected.mean_ttft_ms[0] / 1e3, expected.mean_ttft_ms[1] / 1e3)
        itl, rate = expected.mean_itl_ms, expected.output_throughput
        shown = (band(rate), band(ttft), band(itl), expected.source)
    return (str(rank), plan.variant, str(plan.tensor_parallel_size), plan.verdict, number(plan.max_num_seqs), *shown)
