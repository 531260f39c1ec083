"""`nemotui compare`: runs beside each other with their noise, and a gate for CI."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nemotui.cli.backends import backends
from nemotui.cli.output import Answer, table
from nemotui.cli.verb import Invocation, verb
from nemotui.core.compare import FIGURES, HEADLINES, Comparison
from nemotui.core.comparing import compare_stored
from nemotui.core.errors import Problem, UsageError
from nemotui.core.gate import Judged, judge, parse_rule
from nemotui.core.ports import Backends
from nemotui.core.report import compared as compared_rows

PUBLISHED = "published"  # in place of a run: the published row of the other's hardware


@verb(
    example="nemotui compare before after --fail-if 'output_throughput<-5%' --fail-if 'p99_ttft_ms>+10%'",
    flags=(
        click.argument("runs", nargs=-1, required=True, metavar="BASELINE RUN…"),
        click.option(
            "--fail-if",
            "rules",
            multiple=True,
            metavar="RULE",
            help="Exit 1 if a figure of any RUN is beyond it: a change ('mean_itl_ms>+5%') or a value (without %).",
        ),
        click.option("--all", "every", is_flag=True, help="Every figure, not only those that a verdict is made of."),
        click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are stored."),
    ),
)
async def compare(
    inv: Invocation, runs: tuple[str, ...], rules: tuple[str, ...], every: bool, output: Path | None
) -> Answer:
    """Compare runs with the first of them, figure by figure.

    `published` names the published row of the hardware. A change that the noise of the runs can explain is "within
    noise". Runs of the same setup that are stored beside them tell that noise best: measure the baseline three times.
    """
    if len(runs) < 2:
        raise UsageError("usage", "there is nothing to compare with", "Name two runs: nemotui compare BASELINE RUN")
    parsed = [parse_rule(text) for text in rules]
    async with backends(inv, runs_dir=output) as b:
        comparisons = await compare_runs(b, runs)
    judged = [(c, j) for c in comparisons for j in judge(c, parsed)]
    error = _gate(judged)
    document = {
        "comparisons": [{**asdict(c), "sentence": c.sentence} for c in comparisons],
        "gate": [
            {"run": c.b, "rule": j.rule.text, "figure": j.figure and asdict(j.figure), "broken": j.broken}
            for c, j in judged
        ],
    }
    text = "\n\n".join(_text(c, FIGURES if every else _shown(parsed)) for c in comparisons)
    if judged:
        text += "\n\n" + "\n".join(_judged(c, j) for c, j in judged)
    return Answer(document, text, exit_code=1 if error else 0, error=error)


async def compare_runs(b: Backends, names: tuple[str, ...]) -> list[Comparison]:
    """Each run beside the first. Raises `UsageError` for what is no run, `FailedError` for one without a result."""
    return await compare_stored(b, [None if name == PUBLISHED else await b.runs.find(name) for name in names])


def _shown(rules: list[Any]) -> tuple[str, ...]:
    return (*HEADLINES, *(rule.name for rule in rules))


def _text(comparison: Comparison, names: tuple[str, ...]) -> str:
    rows = compared_rows(comparison, names)
    lines = [f"{comparison.b}\n  beside {comparison.a}", table(rows, right=range(1, 5)), comparison.sentence]
    return "\n".join([*lines, *(f"Note: {caveat}" for caveat in comparison.caveats[1:])])


def _judged(comparison: Comparison, judged: Judged) -> str:
    sign = {True: "FAIL", False: "ok", None: "FAIL"}[judged.broken]
    figure = judged.figure
    if comparison.unlike:
        found = comparison.unlike[0]
    elif judged.broken is None or figure is None:
        found = "not known"
    elif judged.rule.relative:
        found = f"{figure.change:+.1%}" + (" (within noise)" if figure.verdict == "within noise" else "")
    else:
        found = f"{figure.b:,.1f}"
    if comparison.caveats and not comparison.unlike:
        found += f" (doubtful: {comparison.caveats[0]})"
    return f"{sign:<4}  {judged.rule.text}: {found}  ({comparison.b})"


def _gate(judged: list[tuple[Comparison, Judged]]) -> Problem | None:
    broken = [(c, j) for c, j in judged if j.broken is not False]
    if not broken:
        return None
    told = ", ".join(f"{j.rule.text} by {c.b}" for c, j in broken)
    unlike = next((c.unlike[0] for c, _ in broken if c.unlike), None)
    why, fix = (f" ({unlike})", "Measure both alike.") if unlike else ("", "Run it again if that is noise.")
    return Problem("gate", f"{len(broken)} of {len(judged)} rules are broken or not known: {told}{why}", fix)
