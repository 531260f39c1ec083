"""Log lines, drawn when they are seen. What is kept is the state's own tuple: to hold still costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nemotui.core.logs import Level, LogLine, head
from nemotui.ui.states.log_view import LogView
from nemotui.ui.widgets.rows import Rows

_GUTTER = 1  # cells: a mark, and where the reader is


class Lines(ScrollView, can_focus=False):
    """Lines that scroll both ways, or wrap. Colour repeats what the line's level says.

    `following`: the end stays in view. Whoever moves away from the end ends that, and coming back begins it again.
    `cursor`: the number of the line where the reader is; while the end is followed, the last one. `waiting`: how many
    lines there are beyond those that are held: at their end, these join before the end is followed again.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--head",
        "lines--debug",
        "lines--info",
        "lines--warning",
        "lines--error",
        "lines--context",
        "lines--found",
        "lines--cursor",
        "lines--mark",
    }

    @dataclass
    class Moved(Message):
        """The view was moved by its reader; whether to the very end of what it holds."""

        to_end: bool

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self.cursor = self.waiting = 0
        self.view = LogView()
        self._lines: tuple[LogLine, ...] = ()
        self._total = 0
        self._room = 0  # cells of a row
        self._rows = self._new_rows()
        self._keeping = False
        self._plain = Style()  # of what has no colour of its own

    @property
    def total(self) -> int:
        """The number of lines up to the last that is shown."""
        return self._total

    @property
    def shown(self) -> int:
        """How many of the kept lines the filter leaves."""
        return len(self._rows.numbers)

    def line(self, number: int) -> LogLine | None:
        """A line by its number, while it is kept."""
        index = number - self._total + len(self._lines)
        return self._lines[index] if 0 <= index < len(self._lines) else None

    def show(self, lines: tuple[LogLine, ...], total: int) -> None:
        """Show these, the newest of so many. Where the end is not followed, the lines in view stay where they are."""
        if total < self._total:
            self._rows = self._new_rows()  # another log
        top = self._rows.at(self.scroll_offset.y)
        self._lines, self._total = lines, total
        self._rows.update(lines, total)
        self._settle(top)

    def look(self, view: LogView) -> None:
        """The same lines in another way. The line where the reader is stays in view."""
        before, self.view = self.view, view
        if replace(before, marks=view.marks, sought=view.sought) == view:
            self.refresh()
            return
        height = self.cursor_row - self.scroll_offset.y
        self._rows = self._new_rows()
        self._rows.update(self._lines, self._total)
        self._settle(None)
        if not self.following and self.shown:
            self.cursor = self._rows.step(self.cursor, 0)
            self._scroll(self.cursor_row - max(0, min(height, self.size.height - 1)))

    def _new_rows(self) -> Rows:
        return Rows(self.view, max(1, self._room), self._cells)

    def _cells(self, line: LogLine) -> int:
        """How wide it is drawn."""
        before, words, _ = self._pieces(line)
        return sum(len(text) if text.isascii() else cell_len(text) for text in (before, words))

    def drawn(self, line: LogLine) -> str:
        """A line as it is read on the screen, whatever of it is out of view."""
        before, words, _ = self._pieces(line)
        return before + words

    def _pieces(self, line: LogLine) -> tuple[str, str, Level]:
        """What is drawn of a line: its head, long or short, its words, and its level."""
        level, length, process = head(line.text)
        before = _clock(line.time) if self.view.times else ""
        if self.view.whole:
            before += line.text[:length]
        else:
            before += f"{process:<10} " if process else ""
            before += f"{level.upper()} " if length and level != "info" else ""
        return before, line.text[length:], level

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _settle(self, top: tuple[int, int] | None) -> None:
        width = 0 if self.view.wrap else self._rows.widest + _GUTTER
        size = Size(width, len(self._rows))
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()
        if self.following:
            self.keep_end()
        elif top is not None:
            rows = self._rows.rows_of(top[0])
            self._scroll(rows.start + (top[1] if top[1] < len(rows) else 0))

    def _scroll(self, row: float) -> None:
        """By our own hand, not by the reader's."""
        self._keeping = True
        self.scroll_to(y=row, animate=False, force=True, immediate=True)
        self._keeping = False

    @property
    def cursor_row(self) -> int:
        """The row in which the reader's line begins."""
        rows = self._rows.rows_of(self.cursor)
        return rows.start if rows else 0

    def keep_end(self) -> None:
        """The last line in view, where it is followed."""
        if self.following:
            self.cursor = self._rows.numbers[-1] if self.shown else 0
            self._keeping = True
            self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)  # force: no bar yet, perhaps
            self._keeping = False

    def go(self, number: int) -> None:
        """To this line, or the next that is shown; in view it is at least."""
        if not self.shown:
            return
        self.cursor = self._rows.step(number, 0)
        rows, top, height = self._rows.rows_of(self.cursor), self.scroll_offset.y, self.size.height
        self.following = False
        if rows.start < top:
            self._scroll(rows.start)
        elif rows.stop > top + height:
            self._scroll(max(0, rows.stop - height))
        self.refresh()
        self.post_message(self.Moved(self.cursor == self._rows.numbers[-1]))

    def step(self, lines: int) -> None:
        """So many lines further, or back, from where the reader is; from the view's edge, where that was lost."""
        if not self.shown:
            return
        top = self.scroll_offset.y
        if not top <= self.cursor_row < top + self.size.height:
            edge = self._rows.at(top if lines > 0 else min(top + self.size.height, len(self._rows)) - 1)
            self.cursor = edge[0] if edge else self._rows.numbers[-1]
        self.go(self._rows.step(self.cursor, lines))

    def page(self, pages: int) -> None:
        """A page further, or back, and the reader with it."""
        height = max(1, self.size.height - 1)
        place = self._rows.at(min(max(0, self.cursor_row + pages * height), len(self._rows) - 1))
        self.scroll_relative(y=pages * height, animate=False, immediate=True)
        if place and not self.following:
            self.go(place[0])

    def copied(self) -> tuple[str, int]:
        """The text of the reader's line, or of all that are shown from the last mark to it; and how many."""
        marks = [mark for mark in self.view.marks if self.line(mark) is not None]
        first, last = sorted((marks[-1] if marks else self.cursor, self.cursor))
        lines = [line.text for n in self._rows.numbers if first <= n <= last and (line := self.line(n)) is not None]
        return "\n".join(lines), len(lines)

    @property
    def at_end(self) -> bool:
        """The last row is in view."""
        return self.scroll_offset.y >= self.max_scroll_y

    def seek(self, wanted: Callable[[LogLine], object], back: bool) -> tuple[int, int] | None:
        """To the next line like this, around the end if need be: which of how many that is; None where none is."""
        found = [n for n in self._rows.numbers if (line := self.line(n)) is not None and wanted(line)]
        if not found:
            return None
        if back:
            index = next((i for i in range(len(found) - 1, -1, -1) if found[i] < self.cursor), len(found) - 1)
        else:
            index = next((i for i, number in enumerate(found) if number > self.cursor), 0)
        self.go(found[index])
        return index + 1, len(found)

    def on_resize(self) -> None:
        """Only now is it known where the end is, and how wide a row."""
        if self._width - _GUTTER != self._room:
            self._measure()
        self.keep_end()

    def _measure(self) -> None:
        """For rows of another width."""
        self._room = self._width - _GUTTER
        top = self._rows.at(self.scroll_offset.y)
        self._rows = self._new_rows()
        self._rows.update(self._lines, self._total)
        self._settle(top)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """By key, wheel or bar alike."""
        super().watch_scroll_y(old_value, new_value)
        if not self._keeping:
            self.following = self.at_end and not self.waiting
            self.post_message(self.Moved(self.at_end))

    def render_lines(self, crop: Region) -> list[Strip]:
        self._plain = self.rich_style  # made anew of all that is around this widget each time that it is asked for
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width = self._width
        place = self._rows.at(top + y)
        line = self.line(place[0]) if place else None
        if place is None or line is None:
            return Strip.blank(width, self._plain)
        number, part = place
        here = number == self.cursor and not self.following
        style = self._plain + self.get_component_rich_style("lines--cursor", partial=True) if here else None
        marked = number in self.view.marks
        gutter = Segment("▌" if marked else "›" if here else " ", self.get_component_rich_style("lines--mark"))
        begin = part * (width - _GUTTER) if self.view.wrap else left
        text = self._text(line).crop_extend(begin, begin + width - _GUTTER, self._plain)
        strip = Strip([gutter, *text], width)
        return strip.apply_style(style) if style else strip

    def _text(self, line: LogLine) -> Strip:
        before, words, level = self._pieces(line)
        context = self.view.filter.seeks and not self.view.filter.finds(line)
        main = self.get_component_rich_style("lines--context" if context else f"lines--{level}")
        segments = [Segment(before, self.get_component_rich_style("lines--head")), Segment(words, main)]
        return Strip(self._highlighted(segments) if self.view.sought else segments)

    def _highlighted(self, segments: list[Segment]) -> list[Segment]:
        """What is sought stands out, also across the border between a line's head and its words."""
        assert self.view.sought is not None
        text = "".join(segment.text for segment in segments)
        found = self.get_component_rich_style("lines--found")
        spans = [match.span() for match in self.view.sought.finditer(text)]
        result: list[Segment] = []
        at = 0
        for piece, style, _ in segments:
            end = at + len(piece)
            for begin, stop in spans:
                begin, stop = max(begin, at), min(stop, end)
                if begin < stop:
                    result += [Segment(text[at:begin], style), Segment(text[begin:stop], found)]
                    at = stop
            result.append(Segment(text[at:end], style))
            at = end
        return [segment for segment in result if segment.text]


def _clock(unix: float | None) -> str:
    """The local time of day, as long for every line."""
    if unix is None:
        return " " * len("12:34:56.789 ")
    return f"{time.strftime('%H:%M:%S', time.localtime(unix))}.{int(unix % 1 * 1000):03} "
