"""Log lines, drawn when they are seen. What is kept is the state's own tuple: to hold still costs nothing."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nemotui.core.logs import LogLine
from nemotui.ui.states.logs import head


class Lines(ScrollView, can_focus=False):
    """Lines that scroll both ways. Colour repeats what the line's level says."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--head",
        "lines--debug",
        "lines--info",
        "lines--warning",
        "lines--error",
    }

    class Moved(Message):
        """The view was scrolled."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[LogLine, ...] = ()

    def show(self, lines: tuple[LogLine, ...], fresh: int) -> None:
        """Show these, of which the last `fresh` are new."""
        new = lines[max(0, len(lines) - fresh) :]
        before = self.virtual_size.width if len(lines) > len(new) else 0
        self._lines = lines
        self.virtual_size = Size(max([before, *(cell_len(line.text) for line in new)]), len(lines))
        self.refresh()

    @property
    def at_end(self) -> bool:
        """The last line is in view."""
        return self.scroll_offset.y >= self.max_scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the pane, whatever moved the view."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        if top + y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        text = self._lines[top + y].text
        level, words = head(text)
        segments = [
            Segment(text[:words], self.get_component_rich_style("lines--head")),
            Segment(text[words:], self.get_component_rich_style(f"lines--{level}")),
        ]
        return Strip(segments).crop_extend(left, left + self.size.width, self.rich_style)
