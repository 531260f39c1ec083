"""A history as columns of eighths: fixed scale, oldest at the left, unknown left blank.

Textual's own Sparkline scales itself to what it is given, so that a constant 100 % looks like a constant 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from textual.content import Content

EIGHTHS = " ▁▂▃▄▅▆▇█"
_STEPS = (1, 1.5, 2, 3, 5, 7.5, 10)

Values = Sequence[float | None]


def nice_top(highest: float) -> float:
    """The next round figure at or above `highest`: a scale that holds still while the values move a little."""
    if highest <= 0:
        return 1.0
    power = 1.0
    while power * 10 < highest:
        power *= 10
    while power > highest:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= highest * (1 - 1e-9))


@lru_cache(maxsize=4096)  # the same values are drawn at each sample, a column further left
def column(value: float | None, top: float, height: int) -> tuple[str, ...]:
    """One value as `height` characters from the top down. A known value shows at least a line, even 0."""
    eighths = _eighths(value, top, height)
    return tuple(EIGHTHS[min(max(eighths - row * 8, 0), 8)] for row in reversed(range(height)))


def band(low: Values, high: Values, top: float, height: int, style: str, light: str) -> list[Content]:
    """Two figures of one scale as `height` lines: a column up to `low` in `style`, on it one up to `high` in `light`.

    Where `high` is below `low` or unknown there is only the first.
    """
    lows = [_eighths(value, top, height) for value in low]
    highs = [_eighths(value, top, height) for value in high]
    lines = []
    for row in reversed(range(height)):
        cells = [_cell(a - row * 8, b - row * 8, style, light) for a, b in zip(lows, highs, strict=True)]
        parts = [("".join(sign for sign, _ in run), how) for how, run in groupby(cells, key=lambda cell: cell[1])]
        lines.append(Content.assemble(*parts))
    return lines


def _eighths(value: float | None, top: float, height: int) -> int:
    return 0 if value is None else max(1, round(min(max(value / top, 0.0), 1.0) * height * 8))


def _cell(low: int, high: int, style: str, light: str) -> tuple[str, str]:
    """A cell's sign and style, given how many eighths from its bottom the two figures reach."""
    if low <= 0:
        return (EIGHTHS[min(high, 8)], light) if high > 0 else (" ", "")
    if low >= 8:
        return "█", style
    return EIGHTHS[low], f"{style} on {light}" if high >= 8 else style
