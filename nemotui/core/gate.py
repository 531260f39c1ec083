"""A gate for CI: how far a figure may move from one run to the next, as `output_throughput<-5%` says it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from nemotui.core.compare import FIGURES, Comparison, Figure
from nemotui.core.errors import UsageError

_RULE = re.compile(r"\s*(?P<name>[a-z0-9_]+)\s*(?P<sign>[<>])\s*(?P<limit>[+-]?\d+(?:\.\d+)?)\s*(?P<percent>%?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Fail if the figure is beyond `limit`: a change from the baseline (0.1 is +10 %) or, not `relative`, a value."""

    text: str
    name: str
    above: bool
    limit: float
    relative: bool

    def broken(self, figure: Figure | None) -> bool | None:
        """Whether a run breaks it; None where the figure is not known, which no gate may take for a pass."""
        value = None if figure is None else figure.change if self.relative else figure.b
        if value is None:
            return None
        return value > self.limit if self.above else value < self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A rule and what became of it."""

    rule: Rule
    figure: Figure | None
    broken: bool | None


def parse_rule(text: str) -> Rule:
    """`NAME<LIMIT%` or `NAME>LIMIT%` for a change, without `%` for a value; `UsageError` for anything else."""
    found = _RULE.fullmatch(text)
    if found is None:
        fix = "Write it as 'output_throughput<-5%', 'p99_ttft_ms>+10%' or 'p99_ttft_ms>500'."
        raise UsageError("usage", f"--fail-if {text!r} is not a rule", fix)
    name = found["name"]
    if name not in FIGURES:
        near = get_close_matches(name, FIGURES, n=3) or ["output_throughput", "p99_ttft_ms", "mean_itl_ms"]
        raise UsageError("usage", f"--fail-if: no figure is called {name!r}", f"Did you mean {', '.join(near)}?")
    relative = bool(found["percent"])
    limit = float(found["limit"])
    return Rule(
        text=text.strip(),
        name=name,
        above=found["sign"] == ">",
        limit=limit / 100 if relative else limit,
        relative=relative,
    )


def judge(comparison: Comparison, rules: Sequence[Rule]) -> list[Judged]:
    """Each rule on `comparison.b`; on runs that did not do the same none is known to hold."""
    figures = {figure.name: figure for figure in comparison.figures}
    return [
        Judged(rule=r, figure=(f := figures.get(r.name)), broken=None if comparison.unlike else r.broken(f))
        for r in rules
    ]
