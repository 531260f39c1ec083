"""The stored runs, a line each, and runs beside each other; with as many columns as there is room for."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.content import Content

from nemotui.core.compare import HEADLINES, Comparison
from nemotui.core.report import SHOWN, compared_row
from nemotui.core.show import cut, number
from nemotui.core.stores import StoredRun
from nemotui.core.sweep import at_once
from nemotui.keys.keymap import key_of
from nemotui.ui.states.runs import RunsState
from nemotui.ui.widgets.canvas import under_cursor

_HEAD = ("RUN", "SHAPE", "AT ONCE", "TOK/S", "TTFT ms", "ITL ms", "FAILED", "CLOCK")
_FIRST_TO_GO = ("CLOCK", "SHAPE", "AT ONCE", "ITL ms", "FAILED", "TTFT ms")
_COMPARED_FIRST_TO_GO = (4, 1, 2)  # noise, baseline, run: the verdict stays, for it is more than a colour
_LEAST_NAME = 24
_BLANK = Content("")
_TONES = {"better": "$success", "worse": "$error"}


def run_lines(state: RunsState, width: int) -> list[Content]:
    """The header, then a line a run."""
    if state.listed is None:
        return [Content.styled("Reading the runs …", "$muted")]
    if state.listed.problem is not None:
        return [Content.styled(line, "$error") for line in textwrap.wrap(str(state.listed.problem), max(20, width))]
    if not state.runs:
        return _nothing(state.listed.containing)
    rows = [_cells(run) for run in state.runs]
    widths = _widths(rows, width - 4)
    lines = [Content.styled("    " + _row(_HEAD, widths), "$muted")]
    marks = {run.path: str(number) for number, run in enumerate(state.marked, 1)}
    for place, (run, cells) in enumerate(zip(state.runs, rows, strict=True)):
        here = place == state.row
        mark = marks.get(run.path, " ")
        style = "$muted" if run.status == "broken" else ""
        line = Content.assemble(
            ("▶" if here else " ", "$primary"), (f"{mark:>2} ", "bold $accent"), (_row(cells, widths), style)
        )
        lines.append(under_cursor(line, width) if here else line)
    if state.listed.left:
        words = f"    {state.listed.left:,} older ones are not shown: {key_of('runs-filter')} looks for a text"
        lines.append(Content.styled(words, "$muted"))
    return lines


def chosen_line(run: StoredRun | None) -> str:
    """What the line of the run under the cursor has no room for."""
    if run is None:
        return ""
    if run.problem:
        return f"cannot be read: {run.problem}"
    label = run.spec.label if run.spec else None
    model = (run.spec.model if run.spec else None) or "(unknown model)"
    result = run.result or {}
    doubts = ["not complete"] if result.get("complete") is False else []
    doubts += [f"{failed:,} failed"] if (failed := result.get("failed")) else []
    doubts += ["clock not trusted"] if (result.get("clock") or {}).get("trusted") is False else []
    return " · ".join([run.status, *doubts, *([label] if label else []), model, run.path])


def comparison_lines(comparisons: Sequence[Comparison], width: int) -> list[Content]:
    """Each comparison: the sentence, then figure by figure, those first that the sentence is made of."""
    lines: list[Content] = []
    for comparison in comparisons:
        lines += [Content.styled(comparison.b, "bold"), Content.styled(f"beside {comparison.a}", "$muted")]
        lines += [Content.styled(line, "bold $accent") for line in textwrap.wrap(comparison.sentence, max(20, width))]
        for caveat in comparison.caveats[1:]:
            lines += [Content.styled(line, "$warning") for line in textwrap.wrap(caveat, max(20, width))]
        lines.append(_BLANK)
        names = (*HEADLINES, *(name for name in SHOWN if name not in HEADLINES))
        known = {figure.name: figure for figure in comparison.figures}
        rows = [compared_row(known[name]) for name in names if name in known]
        head = ("figure", "baseline", "run", "change", "noise", "verdict")
        wide = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
        kept = list(range(len(head)))
        for column in _COMPARED_FIRST_TO_GO:
            if sum(wide[i] + 2 for i in kept) - 2 > width:
                kept.remove(column)
        for row in (head, *rows):
            cells = [row[i].ljust(wide[i]) if i in (0, 5) else row[i].rjust(wide[i]) for i in kept]
            style = "$muted" if row is head else _TONES.get(row[5], "")
            lines.append(Content.styled("  ".join(cells).rstrip(), style))
        lines.append(_BLANK)
    return lines


def _nothing(containing: str) -> list[Content]:
    if containing:
        return [Content(f"No stored run has {containing!r} in its name, label or model.")]
    return [
        Content.styled("No run is stored yet.", "bold"),
        Content.styled(
            f"{key_of('runs-back')} goes back to the form; {key_of('bench-start')} there measures one.", "$muted"
        ),
    ]


def _cells(run: StoredRun) -> tuple[str, ...]:
    spec, result = run.spec, run.result or {}
    shape = f"{spec.input_len}/{spec.output_len}×{spec.num_prompts}" if spec else "n/a"
    trusted = (result.get("clock") or {}).get("trusted")
    return (
        run.name,
        shape,
        at_once(spec) if spec else "n/a",
        number(result.get("output_throughput")) if run.status == "finished" else run.status,
        number(result.get("mean_ttft_ms")),
        number(result.get("mean_itl_ms"), digits=1),
        number(result.get("failed")),
        "n/a" if trusted is None else "trusted" if trusted else "NOT TRUSTED",
    )


def _widths(rows: Sequence[tuple[str, ...]], width: int) -> dict[str, int]:
    widths = {name: max(len(name), *(len(row[i]) for row in rows)) for i, name in enumerate(_HEAD)}
    for name in _FIRST_TO_GO:
        others = sum(w + 2 for key, w in widths.items() if key != "RUN")
        if others + min(widths["RUN"], _LEAST_NAME) <= width:
            break
        del widths[name]
    widths["RUN"] = max(8, min(widths["RUN"], width - sum(w + 2 for key, w in widths.items() if key != "RUN")))
    return widths


def _row(cells: Sequence[str], widths: dict[str, int]) -> str:
    shown = []
    for name, cell in zip(_HEAD, cells, strict=True):
        if name in widths:
            room = widths[name]
            cell = cut(cell, room)
            shown.append(cell.ljust(room) if name in ("RUN", "SHAPE", "CLOCK") else cell.rjust(room))
    return "  ".join(shown).rstrip()
