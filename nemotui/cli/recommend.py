"""`nemotui recommend`: ranked plans for these GPUs, with the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from nemotui.catalog import load_catalog
from nemotui.cli.backends import looking
from nemotui.cli.explain import card_text, explained
from nemotui.cli.output import Answer, shell, table, wrapped
from nemotui.cli.plans import plan_request
from nemotui.cli.verb import Invocation, plan_flags, verb
from nemotui.core.card import model_card
from nemotui.core.errors import Problem, UsageError
from nemotui.core.plan import container_spec, docker_run
from nemotui.core.plan_json import recommendation_json
from nemotui.core.recommend import Recommendation
from nemotui.core.recommend import recommend as ranked
from nemotui.core.show import band, gpu_list, number
from nemotui.core.whatif import imagined


@verb(
    example="nemotui recommend --hardware 8xH200 --goal capacity",
    machine=True,
    empty={"recommendations": []},
    flags=(
        click.option("--hardware", metavar="COUNTxCHIP", help="Plan for GPUs that are not here, such as 8xH200."),
        click.option("--card", is_flag=True, help="The model card instead, each fact with its source."),
        click.option("--explain", is_flag=True, help="Also why each flag of the first plan is there."),
        plan_flags,
    ),
)
async def recommend(inv: Invocation, hardware: str | None, card: bool, explain: bool, **flags: Any) -> Answer:
    """Plans for the GPUs that are free now, best first.

    Each comes with its reasons; below stands the exact command of the first.
    """
    if hardware is not None and (inv.demo is not None or inv.machine is not None):
        raise UsageError("usage", "--hardware, --demo and --machine each name a machine", "Leave out all but one.")
    request = plan_request(inv, flags)
    if request.no_gpu:
        fix = "The container for a CPU: nemotui deploy --no-gpu --dry-run, with the same flags."
        raise UsageError("usage", "--no-gpu leaves no plans to rank", fix)
    if card or hardware is not None:
        catalog = load_catalog(inv.settings.catalog)
        facts = model_card(catalog.serving(request.model_path).model)
        if card:
            return Answer({"recommendations": [], "model_card": [asdict(fact) for fact in facts]}, card_text(facts))
        plans = ranked(imagined(catalog, hardware or ""), catalog, request)
    else:
        async with looking(inv) as (probe, catalog):
            plans = ranked(await probe.sample(), catalog, request)
    document = {"recommendations": [recommendation_json(plan) for plan in plans]}
    fits = any(plan.verdict != "no" for plan in plans)
    error = None if fits else Problem("nothing_fits", "no plan fits these GPUs", "The reasons stand with each plan.")
    text = plans_text(plans)
    if explain and plans[0].plan:
        text += f"\n\n{explained(plans[0].plan)}"
    return Answer(document, text, exit_code=0 if fits else 1, error=error)


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
    """A plan, its reasons, how much of it runs at once, and what would help."""
    lines = [f"{rank}. {plan.variant} on {_gpus(plan)}, context {plan.max_model_len:,}: {plan.verdict}"]
    lines += [wrapped(reason, "   ") for reason in plan.reasons]
    if plan.verdict != "no":
        live = ", ".join(
            f"{number(count, digits=0 if count >= 100 else 1)} of {n:,}" for n, count in plan.live_requests
        )
        limit = f"; --max-num-seqs lets {plan.most_at_once:,} run" if plan.capped else ""
        lines.append(wrapped(f"memory for requests at once, by their tokens: {live}{limit}", "   "))
    lines += [wrapped(f"-> {plan.would_fit_if}", "   ")] if plan.would_fit_if else []
    return "\n".join(lines)


def _gpus(plan: Recommendation) -> str:
    count = plan.tensor_parallel_size * plan.data_parallel_size
    copies = f", {plan.data_parallel_size} copies" if plan.data_parallel_size > 1 else ""
    which = f"GPU {gpu_list(plan.gpu_indices)}" if plan.gpu_indices else f"{count} GPU{'s' if count > 1 else ''}"
    return f"{which}{copies}"


def _row(rank: int, plan: Recommendation) -> tuple[str, ...]:
    expected = plan.predicted
    shown = ("n/a", "n/a", "n/a", "")
    if expected:
        ttft = (expected.mean_ttft_ms[0] / 1e3, expected.mean_ttft_ms[1] / 1e3)
        itl, rate = expected.mean_itl_ms, expected.output_throughput
        shown = (band(rate), band(ttft), band(itl), expected.source)
    copies = f"x{plan.data_parallel_size}" if plan.data_parallel_size > 1 else ""
    size = f"{plan.tensor_parallel_size}{copies}"
    return (str(rank), plan.variant, size, plan.verdict, number(plan.max_num_seqs), *shown)
