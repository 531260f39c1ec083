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
    """Lines that scroll both ways. Colour repeats what the line's level says.

    `following`: the end stays in view. Whoever scrolls away from the end ends that, and coming back begins it again.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--head",
        "lines--debug",
        "lines--info",
        "lines--warning",
        "lines--error",
    }

    class Moved(Message):
        """The view was scrolled by its reader."""

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self._lines: tuple[LogLine, ...] = ()
        self._keeping = False

    def show(self, lines: tuple[LogLine, ...], fresh: int) -> None:
        """Show these, of which the last `fresh` are new."""
        new = lines[max(0, len(lines) - fresh) :]
        before = self.virtual_size.width if len(lines) > len(new) else 0
        self._lines = lines
        self.virtual_size = Size(max([before, *(cell_len(line.text) for line in new)]), len(lines))
        self.refresh()
        self.keep_end()

    def keep_end(self) -> None:
        """The last line in view, where it is followed."""
        if self.following:
            self._keeping = True
            self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)  # force: no bar yet, perhaps
            self._keeping = False

    def on_resize(self) -> None:
        """Only now is it known where the end is."""
        self.keep_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """By key, wheel or bar alike."""
        super().watch_scroll_y(old_value, new_value)
        if not self._keeping:
            self.following = self.scroll_offset.y >= self.max_scroll_y
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
