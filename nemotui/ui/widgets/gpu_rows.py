"""GPUs as a line each, for many of them or little room; columns come in as there is room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from textual.content import Content

from nemotui.core.hardware import Gpu
from nemotui.core.show import number
from nemotui.ui.states.gpus import Trace
from nemotui.ui.states.gpus_view import Order
from nemotui.ui.widgets.bar import columns
from nemotui.ui.widgets.gpu_card import memory_bar
from nemotui.ui.widgets.gpu_words import (
    TONES,
    holders,
    mark,
    mhz,
    note_lines,
    picture,
    sign,
    silence,
    state_words,
    trouble_lines,
)

# Title, cells (negative: to the right) and the order that it stands for.
Column = tuple[str, int, Order | None]
_COLUMNS: tuple[Column, ...] = (
    ("#", -2, "index"),
    ("NAME", 17, None),  # at most
    ("USED/TOTAL GiB", -14, "memory"),
    ("FREE", -6, None),
    ("LOAD", -5, "load"),
    ("POWER", -9, "power"),
    ("TEMP", -5, None),
    ("CLOCK", -8, None),
)
_LEFT_OUT = ("CLOCK", "FREE", "TEMP", "POWER", "LOAD")  # in this order, where there is no room
_INDENT = 5  # cells: the cursor and a gap
_LEAST_PICTURE = 8
_BAR_SHARE = 0.4  # of the room for pictures


def gpu_rows(
    gpus: Sequence[Gpu], traces: Mapping[str, Trace], *, order: Order, selected: str | None, width: int
) -> tuple[list[Content], int]:
    """Their lines under a line of titles, and which of them is the selected GPU's."""
    shown = _columns(gpus, width)
    room = width - _width(shown) - 2
    bar_width = int(room * _BAR_SHARE) if room >= 2 * _LEAST_PICTURE else 0
    load_width = room - bar_width - (2 if bar_width else 0) if room >= _LEAST_PICTURE else 0
    lines, at = [_titles(shown, order, bar_width, load_width)], 0
    for gpu in gpus:
        if gpu.uuid == selected:
            at = len(lines)
        here = mark(gpu.uuid == selected)
        if gpu.memory_total_bytes is None and gpu.state != "ok":  # nothing but the reason is known
            words = columns([(str(gpu.index), -2), (_short(gpu), shown[1][1])])
            lead = Content.assemble(here, (words, "$muted"), "  ")
            why = trouble_lines(gpu, width - lead.cell_length) or [state_words(gpu)]
            under = Content.assemble(here, " " * (lead.cell_length - 1))
            lines += [Content.assemble(under if i else lead, line) for i, line in enumerate(why)]
            continue
        texts = _cells(gpu)
        cells = columns([(texts[title], size) for title, size, _ in shown])
        load = picture(traces.get(gpu.uuid, Trace()).utilization.columns, load_width, 1)[0]
        quiet = "$muted" if gpu.age_s is not None or not gpu.visible else ""
        memory = (gpu.memory_used_bytes, gpu.memory_reserved_bytes, gpu.memory_total_bytes)
        lines.append(_row(here, (cells, quiet), memory, bar_width, load))
        below = [*trouble_lines(gpu, width - _INDENT), *note_lines(gpu, width - _INDENT)]
        if words := silence(gpu):
            below.insert(0, Content.styled(f"{sign(gpu)} {words}", TONES.get(gpu.state, "$error")))
        lines += [Content.assemble(here, "    ", line) for line in below]
    return lines, at


@lru_cache(maxsize=64)  # few rows change from one sample to the next
def _row(
    here: tuple[str, str],
    cells: tuple[str, str],
    memory: tuple[int | None, int | None, int | None],
    bar_width: int,
    load: str,
) -> Content:
    pictures = [memory_bar(*memory, bar_width)] if bar_width else []
    pictures += [Content.styled(load, "$secondary")] if load else []
    return Content("  ").join([Content.assemble(here, cells), *pictures])


def holder_lines(gpus: Sequence[Gpu]) -> list[Content]:
    """Who holds the memory of which."""
    return [
        Content.assemble((f"GPU {gpu.index:<3}" if i == 0 else " " * 7, "$muted"), line)
        for gpu in gpus
        for i, line in enumerate(holders(gpu))
    ]


def slowed_lines(gpus: Sequence[Gpu]) -> list[Content]:
    """What holds the clocks of which back."""
    slowed: dict[tuple[str, ...], list[int]] = {}
    for gpu in gpus:
        if gpu.throttle_reasons:
            slowed.setdefault(gpu.throttle_reasons, []).append(gpu.index)
    return [
        Content.assemble(
            ("clock  ", "$muted"),
            f"GPU {','.join(map(str, sorted(indices)))}",
            (f" held back by {', '.join(reasons)}", "$muted"),
        )
        for reasons, indices in slowed.items()
    ]


def _columns(gpus: Sequence[Gpu], width: int) -> list[Column]:
    name = min(17, max(len("NAME"), *(len(_short(gpu)) for gpu in gpus)))
    shown = [(title, name if title == "NAME" else size, order) for title, size, order in _COLUMNS]
    for title in _LEFT_OUT:
        if _width(shown) + (2 * _LEAST_PICTURE if title == "CLOCK" else 0) <= width:
            break
        shown = [column for column in shown if column[0] != title]
    return shown


def _titles(shown: Sequence[Column], order: Order, bar_width: int, load_width: int) -> Content:
    names = [(f"▾{title}" if by == order != "index" else title, size) for title, size, by in shown]
    tail = [f"{'MEMORY':<{bar_width}}"] if bar_width else []
    tail += ["LOAD, LAST MINUTES".rjust(load_width)] if load_width >= 18 else []
    return Content.styled("  ".join([" " + columns(names), *tail]), "$muted")


def _width(shown: Sequence[Column]) -> int:
    return 1 + sum(abs(size) + 2 for _, size, _ in shown) - 2


def _cells(gpu: Gpu) -> dict[str, str]:
    used, total, free = (
        "n/a" if size is None else f"{size / 2**30:.1f}"
        for size in (gpu.memory_used_bytes, gpu.memory_total_bytes, gpu.memory_free_bytes)
    )
    limit = "" if gpu.power_limit_w is None else f"/{gpu.power_limit_w:.0f}"
    return {
        "#": str(gpu.index),
        "NAME": _short(gpu),
        "USED/TOTAL GiB": f"{used}/{total}",
        "FREE": free,
        "LOAD": number(gpu.utilization_percent, "%"),
        "POWER": "n/a" if gpu.power_w is None else f"{gpu.power_w:.0f}{limit} W",
        "TEMP": number(gpu.temperature_c, "°C"),
        "CLOCK": mhz(gpu.sm_clock_mhz),
    }


def _short(gpu: Gpu) -> str:
    return gpu.name.removeprefix("NVIDIA ")
