"""A sweep as lines: the chart, the loads in a table, the outcome."""

from __future__ import annotations

import textwrap

from textual.content import Content

from nemotui.core.goodput import reasons
from nemotui.core.pareto import KEY, pareto
from nemotui.core.sweep import SweepStep, cells, head, word
from nemotui.keys.keymap import key_of
from nemotui.ui.states.sweep import SweepState

_LEAST_CHART = 11  # lines
_FIRST_TO_GO = (5, 6, 2, 4)  # columns of the table: p99 TTFT, ITL, per GPU, TTFT
_WIDE = 96  # columns from which the table says by how much the goals are kept
_STYLES = {"●": "$primary", "◆": "bold $accent", "○": "$error", "·": "$muted", "P": "bold $secondary"}


def sweep_lines(state: SweepState, width: int, height: int) -> list[Content]:
    """As many of the lines as there are; the chart takes what room the words leave."""
    if state.begun is None:
        return [
            Content.styled(line, "$muted")
            for text in (
                f"{key_of('sweep-begin')} measures a run for each load, the least first, in the shape of the Bench"
                " form: 1,2,4 are requests at once, 0.5,1,2/s are requests a second.",
                f"{key_of('sweep-search')} searches for the highest load, up to the greatest of those, whose p95"
                " keep the goals, in at most 8 runs.",
            )
            for line in textwrap.wrap(text, max(20, width))
        ]
    said = _outcome(state, width)
    table = [*_table(state.steps, width, whole=state.begun.loads.whole), *_reasons(state, width)]
    room = max(height - len(said) - len(table) - 3, _LEAST_CHART)
    earlier = [point for point in state.begun.earlier if point.run not in {p.run for p in state.points}]
    chart = pareto(state.points, earlier=earlier, published=state.published, width=width, height=room)
    key = [*_key(width), Content("")] if chart else []
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
    axis = line.find("│") if "│" in line else line.find("┤")
    if axis < 0:  # a label
        return Content(line)
    body = ((sign, _STYLES[sign]) if sign in _STYLES else sign for sign in line[axis + 1 :])
    return Content.assemble(line[: axis + 1], *body)


def _reasons(state: SweepState, width: int) -> list[Content]:
    whole = state.begun is None or state.begun.loads.whole
    told = reasons([(point.load, point.fault) for point in state.points], whole=whole)
    return [Content.styled(line, "$muted") for why in told for line in textwrap.wrap(why, max(20, width))]


def _table(steps: tuple[SweepStep, ...], width: int, *, whole: bool) -> list[Content]:
    if not steps:
        return []
    rows = [head(whole=whole), *(_row(step, width) for step in steps)]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    kept = _fitting(wide, width)
    lines = []
    for step, row in zip((None, *steps), rows, strict=True):
        aligned = [row[i] if i == len(row) - 1 else row[i].rjust(wide[i]) for i in kept]
        bad = step is not None and (step.point.fault or (step.probe and not step.probe.good))
        lines.append(Content.styled("  ".join(aligned).rstrip(), "$muted" if step is None else "$error" if bad else ""))
    return lines


def _fitting(wide: list[int], width: int) -> list[int]:
    """The columns that there is room for; what the last one says is the last to go."""
    kept = list(range(len(wide)))
    for column in _FIRST_TO_GO:
        if sum(wide[i] + 2 for i in kept) - 2 <= width:
            break
        kept.remove(column)
    return kept


def _key(width: int) -> list[Content]:
    lines: list[str] = []
    for entry in KEY.split("   "):
        if lines and len(lines[-1]) + 3 + len(entry) <= width:
            lines[-1] += f"   {entry}"
        else:
            lines.append(entry)
    return [Content.styled(line, "$muted") for line in lines]


def _row(step: SweepStep, width: int) -> tuple[str, ...]:
    probe = step.probe
    if probe is None or probe.fault or width < _WIDE:
        return cells(step.point, word(step))
    return cells(step.point, f"kept: {probe.reason}" if probe.good else probe.reason)
