"""A text of any length as it is, cut at the edge of the widget: only what is seen is drawn."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip


class RawText(ScrollView, can_focus=False):
    """Every character of a text that is safe to draw, in rows of the widget's width."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""
        self._rows: list[str] = []
        self._cells = 0

    def show(self, text: str) -> None:
        """Another text, from its beginning; of the same one the same place."""
        if text == self._text:
            return
        self._text = text
        self._cut()
        self.scroll_home(animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        """Rows of another width."""
        if self.scrollable_content_region.width != self._cells:
            self._cut()

    def _cut(self) -> None:
        self._cells = self.scrollable_content_region.width
        self._rows = rows(self._text, max(1, self._cells))
        self.virtual_size = Size(0, len(self._rows))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        text = self._rows[row] if row < len(self._rows) else ""
        return Strip([Segment(text, self.rich_style)]).crop_extend(0, self._cells, self.rich_style)


def rows(text: str, cells: int) -> list[str]:
    """The lines of a text, each over as many rows as it needs; a character is never split, nor a row too wide."""
    found: list[str] = []
    for line in text.split("\n"):
        if line.isascii():
            found += [line[at : at + cells] for at in range(0, max(1, len(line)), cells)]
        else:
            found += chop_cells(line, cells) if cell_len(line) > cells else [line]
    return found
