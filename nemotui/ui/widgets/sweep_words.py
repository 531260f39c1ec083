"""A sweep as lines: the chart, the loads in a table, the outcome."""

from __future__ import annotations

import textwrap

from textual.content import Content

from nemotui.core.pareto import KEY, pareto
from nemotui.core.show import number
from nemotui.core.sweep import SweepStep
from nemotui.ui.states.sweep import SweepState

_HEAD = ("at once", "tok/s", "per GPU", "per user", "TTFT ms", "p99 TTFT", "ITL ms", "")
_LEAST_CHART, _MOST_CHART = 8, 24  # lines
_STYLES = {"●": "$primary", "◆": "bold $accent", "○": "$error", "·": "$muted", "P": "bold $secondary"}


def sweep_lines(state: SweepState, width: int, height: int) -> list[Content]:
    """As many of the lines as there are; the chart takes what room the words leave."""
    if state.begun is None:
        return [
            Content.styled(line, "$muted")
            for text in (
                "s measures one run for each of the concurrencies, the least first, in the shape of the Bench form.",
                "g searches for the most users whose p95 keep the goals, in at most 8 runs.",
            )
            for line in textwrap.wrap(text, max(20, width))
        ]
    said = _outcome(state, width)
    table = _table(state.steps)
    room = min(max(height - len(said) - len(table) - 2, _LEAST_CHART), _MOST_CHART)
    earlier = [point for point in state.begun.earlier if point.run not in {p.run for p in state.points}]
    chart = pareto(state.points, earlier=earlier, published=state.published, width=width, height=room)
    key = [Content.styled(KEY, "$muted")] if chart else []
    return [*said, *(_coloured(line) for line in chart), *key, *table]


def _outcome(state: SweepState, width: int) -> list[Content]:
    lines = [Content.styled(line, "bold $accent") for line in textwrap.wrap(state.sentence, max(20, width))]
    if state.over is not None and state.over.problem is not None:
        problem = state.over.problem
        lines += [
            Content.styled(line, "bold $error")
            for line in textwrap.wrap(f"{problem.message} {problem.fix}", max(20, width))
        ]
    elif state.over is not None and state.over.stopped:
        lines.append(Content.styled("Stopped; what was measured is kept.", "$warning"))
    return lines


def _coloured(line: str) -> Content:
    return Content.assemble(*((sign, _STYLES[sign]) if sign in _STYLES else sign for sign in line))


def _table(steps: tuple[SweepStep, ...]) -> list[Content]:
    if not steps:
        return []
    rows = [_HEAD, *(_cells(step) for step in steps)]
    wide = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = []
    for step, row in zip((None, *steps), rows, strict=True):
        cells = [cell if i == len(row) - 1 else cell.rjust(wide[i]) for i, cell in enumerate(row)]
        bad = step is not None and (step.point.fault or (step.probe and not step.probe.good))
        lines.append(Content.styled("  ".join(cells).rstrip(), "$muted" if step is None else "$error" if bad else ""))
    return lines


def _cells(step: SweepStep) -> tuple[str, ...]:
    point, probe = step.point, step.probe
    word = "" if probe is None else f"kept: {probe.reason}" if probe.good else probe.reason
    return (
        f"{point.load:g}",
        number(point.output_throughput),
        number(point.per_gpu),
        number(point.per_user, digits=1),
        number(point.mean_ttft_ms),
        number(point.p99_ttft_ms),
        number(point.mean_itl_ms, digits=1),
        point.fault or word,
    )
