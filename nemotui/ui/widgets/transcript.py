"""A conversation as lines: blocks drawn once a width, only what is in sight painted.

A widget a block, as Textual's Markdown makes them, freezes the screen on long answers; lines cost the same however
long the conversation is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from io import StringIO
from itertools import accumulate

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nemotui.ui.states.transcript import Block

_MARKDOWN_LIMIT = 20_000  # characters; a longer block is no text that anybody laid out
_CODE_THEME = "github-dark"


class Transcript(ScrollView, can_focus=False):
    """Shows blocks and follows their end, unless the reader has scrolled up."""

    DEFAULT_CSS = "Transcript { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._blocks: tuple[Block, ...] = ()
        self._drawn: dict[Block, list[Strip]] = {}
        self._starts: list[int] = []  # the line on which each block begins
        self._width = 0

    def show(self, blocks: Sequence[Block]) -> None:
        """Show these, oldest first."""
        if tuple(blocks) != self._blocks:
            self._blocks = tuple(blocks)
            self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        """Another width: every line anew."""
        if self.scrollable_content_region.width != self._width:
            self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        follow = self.is_vertical_scroll_end
        known = self._drawn if width == self._width else {}
        self._width = width
        self._drawn = {block: known.get(block) or self._draw(block, width) for block in self._blocks}
        heights = [len(self._drawn[block]) for block in self._blocks]
        self._starts = list(accumulate(heights[:-1], initial=0)) if heights else []
        self.virtual_size = Size(width, sum(heights))
        if follow:
            self.scroll_end(animate=False, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line, width = y + self.scroll_offset.y, self.size.width
        if line >= self.virtual_size.height:
            return Strip.blank(width, self.rich_style)
        index = bisect_right(self._starts, line) - 1
        strip = self._drawn[self._blocks[index]][line - self._starts[index]]
        return strip.apply_style(self.rich_style).extend_cell_length(width, self.rich_style)

    def _draw(self, block: Block, width: int) -> list[Strip]:
        """A block and the blank line after it."""
        width -= 1  # so that no word touches the scrollbar
        console = Console(
            file=StringIO(), width=width, theme=self._theme(), color_system="truecolor", force_terminal=True
        )
        lines = console.render_lines(self._rendered(block), console.options, pad=False)
        strips = [Strip(line).crop(0, width) for line in lines]
        while len(strips) > 1 and _is_blank(strips[0]):  # Rich puts some around tables
            del strips[0]
        while len(strips) > 1 and _is_blank(strips[-1]):
            del strips[-1]
        return [*strips, Strip.blank(width)]

    def _rendered(self, block: Block) -> RenderableType:
        match block.kind:
            case "question":
                question = Table.grid(padding=(0, 1))
                question.add_row(Text("❯", style="question"), Text(block.text, style="question", overflow="fold"))
                return question
            case "thinking":
                return Padding(Text(block.text, style="thinking", overflow="fold"), (0, 0, 0, 2))
            case "note" | "problem":
                return Text(block.text, style=block.kind, overflow="fold")
            case "markdown" if len(block.text) <= _MARKDOWN_LIMIT:
                # Without hyperlinks: a link shows where it goes.
                return Markdown(block.text, code_theme=_CODE_THEME, hyperlinks=False)
            case _:
                return Text(block.text, overflow="fold")

    def _theme(self) -> Theme:
        """Rich's names for the parts of a Markdown text, and our blocks, in the colours of the console."""
        colours = self.app.theme_variables
        primary, secondary, muted = (Style(color=colours[name]) for name in ("primary", "secondary", "muted"))
        bold = Style(bold=True)
        return Theme(
            {
                "question": primary + bold,
                "thinking": muted + Style(italic=True),
                "note": muted,
                "problem": Style(color=colours["error"]),
                "markdown.code": secondary,
                "markdown.block_quote": muted,
                "markdown.list": Style(),
                "markdown.item.bullet": primary,
                "markdown.item.number": primary,
                "markdown.h1": bold,
                "markdown.h2": bold,
                "markdown.h3": bold,
                "markdown.h4": bold,
                "markdown.h5": bold,
                "markdown.h6": bold,
                "markdown.hr": muted,
                "markdown.link": secondary,
                "markdown.link_url": secondary,
                "markdown.table.border": muted,
                "markdown.table.header": bold,
            }
        )


def _is_blank(strip: Strip) -> bool:
    return not strip.text.strip() and not any(segment.style and segment.style.bgcolor for segment in strip)
