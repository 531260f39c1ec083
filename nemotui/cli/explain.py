"""A plan's command explained as text: flag by flag, and beside the published guide's."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import join

from nemotui.cli.output import wrapped
from nemotui.core.guide import FAULTS, differences
from nemotui.core.models import Fact
from nemotui.core.plan import Plan, plan_flags


def explained(plan: Plan) -> str:
    """Every flag with why it is there and where that comes from, then what the guide has instead."""
    lines = ["Each flag, and where it comes from"]
    for flag in plan_flags(plan):
        lines += [f"  {join(flag.words)}", wrapped(f"{flag.why} [{flag.source}]", "      ")]
    lines += ["", "Different from the published guide"]
    for difference in differences(plan):
        lines.append(f"  {difference.published or '(not there)'}  ->  {difference.here or '(left out)'}")
        lines.append(wrapped(difference.why, "      "))
    return "\n".join(lines)


def faults_text() -> str:
    """What is wrong with the published command."""
    return "\n".join(["What is wrong with the published command", *(wrapped(f"- {fault}", "  ") for fault in FAULTS)])


def card_text(facts: Iterable[Fact]) -> str:
    """The model card."""
    lines = []
    for fact in facts:
        lines += [fact.name, wrapped(fact.value, "    "), wrapped(f"[{fact.source}]", "    ")]
    return "\n".join(lines)
