"""A bar of parts on a fixed whole, such as a GPU's memory: used, reserved, free."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from nemotui.core.show import cut

_FRACTIONS = " ▏▎▍▌▋▊▉"


def bar(share: float | None, width: int, style: str) -> Content:
    """`share` of 0..1 as a bar of `width` cells, in eighths of a cell; unknown is a row of dots."""
    if share is None or width <= 0:
        return Content.styled("·" * max(width, 0), "$muted")
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_FRACTIONS[rest] if rest else "")
    return Content.assemble((filled, style), ("─" * (width - len(filled)), "$panel-lighten-2"))


def columns(cells: Sequence[tuple[str, int]]) -> str:
    """Cells in fixed widths; a negative width aligns to the right; what is too long ends in an ellipsis."""
    return "  ".join(_fit(text, width) for text, width in cells)


def _fit(text: str, width: int) -> str:
    size = abs(width)
    text = cut(text, size)
    return text.rjust(size) if width < 0 else text.ljust(size)


def stacked(parts: Sequence[tuple[float, str, str]], whole: float, width: int) -> Content:
    """Parts (size, the sign that fills it, its style) one after another on a bar of `width` cells; the rest is a line.

    Every part that is not 0 has at least one cell; what goes beyond the bar is cut.
    """
    cells: list[Content] = []
    used = 0
    for size, sign, style in parts:
        count = min(width - used, max(1, round(size / whole * width)) if size > 0 else 0)
        cells.append(Content.styled(sign * count, style))
        used += count
    return Content.assemble(*cells, ("─" * (width - used), "$panel-lighten-2"))
