"""Ready lines of which only the changed cells are drawn again: over a slow line a screen at rest costs nothing.

Textual draws a whole widget anew for a change in one cell of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from textual.content import Content
from textual.css.styles import RulesMap
from textual.events import Resize
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.visual import RenderOptions
from textual.widget import Widget

_GAP = 8  # cells that stayed between two that changed: going over them is dearer than drawing them

_RULES: RulesMap = {"text_wrap": "nowrap", "text_overflow": "ellipsis"}  # looking where to wrap a line is dear


class Canvas(Widget):
    """As high as its lines, which are cut at its width."""

    DEFAULT_CSS = "Canvas { width: 1fr; height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Content, ...] = ()
        self._strips: list[Strip] = []

    def show(self, lines: Sequence[Content]) -> None:
        """Show these."""
        before, strips = self._lines, self._strips
        self._lines = tuple(lines)
        if len(strips) != len(before) or len(before) != len(self._lines):
            self._strips = []
            self.refresh(layout=True)
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if not new.is_same(old):
                strip = self._strip(new)
                self.refresh(*(Region(x, y, end - x, 1) for x, end in changes(strips[y], strip)))
                strips[y] = strip

    def on_resize(self, event: Resize) -> None:
        """Other lines fit; Textual says so also of one that is shown again as it was."""
        if self._strips and self._strips[0].cell_length != event.size.width:
            self._strips = []
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        if len(self._strips) != len(self._lines):
            self._strips = [self._strip(line) for line in self._lines]
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _strip(self, line: Content) -> Strip:
        width = self.size.width
        style = self.visual_style  # kept by Textual, while `rich_style` is put together anew each time
        strips = line.render_strips(width, 1, style, RenderOptions(self._get_style, _RULES))
        return (strips[0] if strips else Strip([])).extend_cell_length(width, style.rich_style)


def hanging(head: Content, words: str, width: int, style: str = "") -> Content:
    """Words behind a head, wrapped so that no line of theirs stands below it."""
    indent = head.cell_length
    lines = [
        line
        for part in words.split("\n")
        for line in textwrap.wrap(part, max(20, width - indent), break_on_hyphens=False) or [""]
    ]
    return Content.assemble(head, (("\n" + " " * indent).join(lines), style))


def under_cursor(line: Content, width: int) -> Content:
    """The line with the cursor's ground from end to end."""
    return line.truncate(width, ellipsis=True, pad=True).stylize("bold on $cursor")


def changes(old: Strip, new: Strip) -> Iterator[tuple[int, int]]:
    """Where two strips of one width differ: first cell, and the one after the last, of each run."""
    before, after = _cells(old), _cells(new)
    if len(before) != len(after) or len(after) != new.cell_length:  # wide characters: cells are not counted one by one
        yield 0, new.cell_length
        return
    begin = end = -1
    for x, (a, b) in enumerate(zip(before, after, strict=True)):
        if a == b:
            continue
        if begin >= 0 and x - end > _GAP:
            yield begin, end
            begin = x
        elif begin < 0:
            begin = x
        end = x + 1
    if begin >= 0:
        yield begin, end


def _cells(strip: Strip) -> list[tuple[str, int]]:
    """Each cell's sign and the hash of its style, which is cheaper to compare than the style."""
    return [(sign, style) for segment in strip for style in (hash(segment.style),) for sign in segment.text]
