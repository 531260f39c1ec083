"""A GPU as a card: its memory, its load and power now and over the last minutes, who holds it, what is wrong."""

from __future__ import annotations

from textual.content import Content

from nemotui.core.hardware import Gpu
from nemotui.core.show import number
from nemotui.keys.keymap import key_of
from nemotui.ui.states.gpus import Trace
from nemotui.ui.widgets.bar import stacked
from nemotui.ui.widgets.gpu_words import (
    clock_words,
    holders,
    mark,
    note_lines,
    picture,
    power_words,
    state_words,
    trouble_lines,
    used_words,
)

MOST_LINES = 20  # of the histories
_BOTH_FROM = 6  # lines from which the power has a third of them
_INDENT = 3  # cells: the cursor and a gap
_LABEL = 12
_FIGURES = 19
_ASIDE = 28
_HOLDERS = 2  # lines, at most


def card_lines(gpu: Gpu, width: int) -> int:
    """How many lines the card has at least."""
    return 4 + len(_below(gpu, False, width))


def card(gpu: Gpu, trace: Trace, *, selected: bool, width: int, lines: int) -> list[Content]:
    """The lines of a card; of the histories of load and power `lines` beyond the power's one, where there is room."""
    quiet = "$muted" if gpu.age_s is not None else ""
    tail = Content.assemble((f"   {gpu.uuid[:12]}   ", "$muted"), state_words(gpu))
    name = Content.styled(f"{gpu.index}  {gpu.name}", "bold")
    title = Content.assemble(
        mark(selected), name.truncate(max(_LABEL, width - 1 - tail.cell_length), ellipsis=True), tail
    )
    room = max(0, width - 1 - _LABEL - _FIGURES - _ASIDE - 1)

    def row(label: str, figures: str, shown: Content, aside: str) -> Content:
        return Content.assemble(
            mark(selected),
            (f"  {label:<{_LABEL - 2}}", "$muted"),
            (f"{figures:<{_FIGURES}}", quiet),
            shown,
            (f" {aside}", "$muted"),
        )

    reserved = "" if not gpu.memory_reserved_bytes else f", {gpu.memory_reserved_bytes / 2**30:.1f} reserved"
    free = "n/a" if gpu.memory_free_bytes is None else f"{gpu.memory_free_bytes / 2**30:.1f}"
    power_lines = lines // 3 if lines >= _BOTH_FROM and room else 1
    load = picture(trace.utilization.columns, room, lines + 1 - power_lines if room else 1)
    power = picture(trace.power.columns, room, power_lines)
    memory = memory_bar(gpu.memory_used_bytes, gpu.memory_reserved_bytes, gpu.memory_total_bytes, room)
    rows = [title, row("memory", used_words(gpu), memory, f"{free} free{reserved}")]
    for y, cells in enumerate(load[:-1]):  # the words stand at the foot, where an idle GPU's columns are
        rows.append(row("", "", Content.styled(cells, "$secondary"), "▔ 100 %" if y == 0 else ""))
    rows.append(
        row("load", number(gpu.utilization_percent, "%"), Content.styled(load[-1], "$secondary"), clock_words(gpu))
    )
    limit = f"▔ {number(gpu.power_limit_w, 'W')}"
    for y, cells in enumerate(power[:-1]):
        rows.append(row("", "", Content.styled(cells, "$accent"), limit if y == 0 else ""))
    rows.append(row("power", power_words(gpu), Content.styled(power[-1], "$accent"), number(gpu.temperature_c, "°C")))
    return rows + _below(gpu, selected, width)


def memory_bar(used: int | None, reserved: int | None, total: int | None, width: int) -> Content:
    """Used and reserved on the whole; dots where it is unknown."""
    if used is None or not total or width <= 0:
        return Content.styled("·" * max(width, 0), "$muted")
    parts = [(used, "█", "$primary"), (reserved or 0, "▒", "$muted")]
    return stacked([part for part in parts if part[0] / total * width >= 0.5], total, width)


def _below(gpu: Gpu, selected: bool, width: int) -> list[Content]:
    who = holders(gpu)
    shown = (
        who
        if len(who) <= _HOLDERS
        else [*who[: _HOLDERS - 1], Content(f"{'':>9}  and {len(who) - 1} more: {key_of('gpus-closer')}")]
    )
    lines = [
        Content.assemble((f"{'' if i else 'held by':<{_LABEL - 2}}", "$muted"), line) for i, line in enumerate(shown)
    ]
    lines += [*note_lines(gpu, width - _INDENT), *trouble_lines(gpu, width - _INDENT)]
    return [Content.assemble(mark(selected), "  ", line) for line in lines]
