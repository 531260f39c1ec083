"""A history as columns of eighths: fixed scale, newest at the right, unknown left blank.

Textual's own Sparkline scales itself to what it is given, so that a constant 100 % looks like a constant 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

EIGHTHS = " ▁▂▃▄▅▆▇█"
_STEPS = (1, 1.5, 2, 3, 5, 7.5, 10)


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


def column(value: float | None, top: float, height: int) -> list[str]:
    """One value as `height` characters from the top down. A known value shows at least a line, even 0."""
    if value is None:
        return [" "] * height
    eighths = max(1, round(min(max(value / top, 0.0), 1.0) * height * 8))
    return [EIGHTHS[min(max(eighths - row * 8, 0), 8)] for row in reversed(range(height))]


class History(Widget):
    """The last values, one a column. `top` None: the scale is the next round figure above what is shown."""

    DEFAULT_CSS = """
    History { height: 1; width: 1fr; color: $primary; }
    """

    values: reactive[tuple[float | None, ...]] = reactive(())

    def __init__(self, *, top: float | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._top = top

    @property
    def scale(self) -> float:
        """What the full height stands for."""
        return self._top if self._top is not None else nice_top(max(self._known, default=0.0))

    def show(self, values: Sequence[float | None]) -> None:
        """Show these, oldest first; only as many as there are columns are kept."""
        self.values = tuple(values[-max(self.size.width, 400) :])

    @property
    def _shown(self) -> tuple[float | None, ...]:
        return self.values[-self.size.width :] if self.size.width else ()

    @property
    def _known(self) -> list[float]:
        return [value for value in self._shown if value is not None]

    def render_line(self, y: int) -> Strip:
        width, height, top = self.size.width, self.size.height, self.scale
        cells = "".join(column(value, top, height)[y] for value in self._shown)
        return Strip([Segment(cells.rjust(width), self.rich_style)], width)
