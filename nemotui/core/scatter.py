"""Points over two axes as lines of text, for a terminal of any width and for a log."""

from __future__ import annotations

from collections.abc import Sequence

from nemotui.core.svg import ticks

Marked = tuple[float, float, str]  # x, y, and the sign that stands there; later ones stand above earlier ones


def scatter(points: Sequence[Marked], *, width: int, height: int, x_label: str, y_label: str) -> list[str]:
    """A chart of `width` by `height` cells, its axes and their labels included; both axes begin at 0."""
    if not points:
        return []
    y_ticks = ticks(0.0, max(y for _, y, _ in points), about=max(2, height // 4))
    x_ticks = ticks(0.0, max(x for x, _, _ in points), about=max(2, width // 14))
    margin = max(len(f"{tick:,g}") for tick in y_ticks) + 1
    columns, rows = max(width - margin - 1, 10), max(height - 4, 4)

    def column(x: float) -> int:
        return round(x / x_ticks[-1] * (columns - 1))

    def row(y: float) -> int:
        return rows - 1 - round(y / y_ticks[-1] * (rows - 1))

    grid = [[" "] * columns for _ in range(rows)]
    for x, y, mark in points:
        grid[row(y)][column(x)] = mark
    labels = {row(tick): f"{tick:,g}" for tick in y_ticks}
    lines = [y_label]
    lines += [
        f"{labels.get(i, ''):>{margin}}{'┤' if i in labels else '│'}{''.join(cells)}" for i, cells in enumerate(grid)
    ]
    axis, below = ["─"] * columns, [" "] * (columns + 8)
    for tick in x_ticks:
        at, text = column(tick), f"{tick:,g}"
        axis[at] = "┬"
        begin = max(0, min(at - len(text) // 2, columns - len(text)))
        if all(cell == " " for cell in below[max(begin - 1, 0) : begin + len(text) + 1]):
            below[begin : begin + len(text)] = text
    lines.append(f"{'':>{margin}}└{''.join(axis)}")
    lines.append(f"{'':>{margin + 1}}{''.join(below)}")
    lines.append(f"{'':>{margin + 1}}{x_label:>{columns}}")
    return [line.rstrip() for line in lines]
