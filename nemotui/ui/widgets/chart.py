"""A chart of one figure: its name and words above, its history on a fixed round scale below."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from nemotui.core.show import number
from nemotui.ui.widgets.history import History


class Chart(Vertical):
    """`name` and `unit` are ours; the top of the scale stands at the right."""

    DEFAULT_CSS = """
    Chart { height: 1fr; }
    Chart > Static { height: 1; }
    Chart > History { height: 1fr; min-height: 1; }
    """

    def __init__(self, name: str, unit: str, *, id: str) -> None:
        super().__init__(id=id)
        self._title, self._unit, self._words = name, unit, ""

    def compose(self) -> ComposeResult:
        yield Static()
        yield History()

    def show(self, values: Sequence[float | None], words: str) -> None:
        """The history, oldest first, and the figures in words."""
        self._words = words
        self.query_one(History).show(values)
        self.on_resize()

    def on_resize(self) -> None:
        """The words; the scale stands where the room ends, and depends on how much of the history fits."""
        history = self.query_one(History)
        known = any(value is not None for value in history.values)
        top = number(history.scale, self._unit, 0 if history.scale >= 10 else 1) if known else ""
        left = Content.assemble((self._title, "bold"), " ", self._words)
        room = self.size.width - left.cell_length - len(top)
        scale = Content.styled(" " * room + top, "$muted") if room > 0 else Content("")
        self.query_one(Static).update(Content.assemble(left, scale))
