"""The pieces of an exchange, a row each, drawn when they are seen: there may be thousands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nemotui.core.exchange import Answered, Ended, Received, Sent
from nemotui.core.exchange_words import Dropped, Line, gist

_TIMES = 60  # cells from which there is room for the gap beside the time


class ExchangeLines(ScrollView, can_focus=False):
    """A row of each piece: its number, when it came, how long after the one before, and what it says.

    `cursor` is the row where the reader is. `raw`: texts as they came in place of what they bring.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "exchange--cursor",
        "exchange--times",
        "exchange--head",
        "exchange--aside",
    }

    class Chosen(Message):
        """The reader is at another row."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.raw = False
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line], *, raw: bool) -> None:
        """Other rows, or the same and more."""
        self._lines, self.raw = lines, raw
        self.cursor = max(0, min(self.cursor, len(lines) - 1))
        self.virtual_size = Size(0, len(lines))
        self.refresh()

    @property
    def chosen(self) -> Line | None:
        """The piece where the reader is."""
        return self._lines[self.cursor] if self._lines else None

    def go(self, row: int) -> None:
        """To this row, or the nearest there is; in view it is then."""
        self.cursor = max(0, min(row, len(self._lines) - 1))
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if not top <= self.cursor < top + height:
            at = self.cursor if self.cursor < top else self.cursor - height + 1
            self.scroll_to(y=at, animate=False, force=True, immediate=True)
        self.refresh()
        self.post_message(self.Chosen())

    def on_resize(self) -> None:
        """The row where the reader is stays in view."""
        self.go(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """The row under the pointer."""
        self.go(self.scroll_offset.y + event.y)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        if row >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[row]
        here = row == self.cursor
        times = self._style("times", here=here)
        kind = _KINDS.get(type(line.piece)) or (None if getattr(line.piece, "kind", "") == "event" else "aside")
        words = self._style(kind, here=here)
        text = line.piece.text[:2000].replace("\n", "⏎") if self.raw and isinstance(line.piece, Received) else None
        segments = [
            Segment("›" if here else " ", times),
            Segment(f"{_mark(line):>5} {_figure(line.at_ms):>10} ", times),
            Segment(f"{_gap(line.gap_ms):>9} " if width >= _TIMES else "", times),
            Segment(gist(line.piece) if text is None else text, words),
        ]
        return Strip(segments).crop_extend(0, width, self._style(None, here=here))

    def _style(self, name: str | None, *, here: bool) -> Style:
        """Of a part, on the ground of all: a part without one would show the terminal's. The cursor's comes last."""
        style = self.rich_style
        for part in (name, "cursor" if here else None):
            if part is not None:
                style += self.get_component_rich_style(f"exchange--{part}", partial=True)
        return style


def heading(width: int) -> str:
    """What the columns hold, for as many cells."""
    return f"{'#':>6} {'AT ms':>10} " + (f"{'GAP ms':>9} " if width >= _TIMES else "") + "WHAT"


_KINDS = {Sent: "head", Answered: "head", Ended: "head", Dropped: "aside"}


def _mark(line: Line) -> str:
    if line.number is not None:
        return str(line.number)
    return {Sent: "→", Answered: "←", Dropped: "…", Ended: "■"}[type(line.piece)]


def _figure(ms: float | None) -> str:
    return "" if ms is None else f"{ms:,.1f}"


def _gap(ms: float | None) -> str:
    return "" if ms is None else f"+{ms:,.1f}"
