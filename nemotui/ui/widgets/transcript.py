"""A conversation as lines: blocks drawn once a width, only what is in sight painted.

A widget a block, as Textual's Markdown makes them, freezes the screen on long answers; lines cost the same however
long the conversation is. Of a long conversation that is opened or gets another width the blocks in sight are drawn at
once, the others a few at a time, their height guessed until then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate

from markdown_it import MarkdownIt
from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nemotui.core.settling import LONGEST
from nemotui.ui.states.transcript import Block

_MOST_MARKDOWN = 4 * LONGEST  # characters; a longer block is a line or a table that nobody reads
_AT_ONCE = 4000  # characters that are drawn before the keys are looked at again
_PAUSE_S = 0.02  # between two such portions
_CODE = {True: "github-dark", False: "default"}  # Pygments' style on a dark ground, on a light one
_NARROWEST = 4  # cells of a table's column; where they are narrower nothing of it can be read
# HTML is text that a model wrote, a leaked <think> above all: it is shown, not swallowed as Rich would. An image is a
# link after its "!": Rich would draw a little picture and hide where it leads.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("image")


class Transcript(ScrollView, can_focus=False):
    """Shows blocks and follows their end, unless the reader has scrolled up: then what he reads stays where it is."""

    DEFAULT_CSS = "Transcript { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }"

    @dataclass
    class Below(Message):
        """There is text below that came after the reader had scrolled up; or there is none any more."""

        there: bool

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._blocks: tuple[Block, ...] = ()
        self._drawn: dict[Block, list[Strip]] = {}
        self._starts: list[int] = []  # the line on which each block begins
        self._width = 0
        self._following = True
        self._below = False
        self._rich: Console | None = None
        self._themed = ""  # the theme that the lines were drawn in
        self._later = False  # some blocks are still to be drawn, and a timer is set

    def on_mount(self) -> None:
        self.watch(self.app, "theme", self._anew, init=False)

    def _anew(self) -> None:
        """Other colours, or another width: nothing that is drawn holds any more."""
        self._rich, self._drawn = None, {}
        self.call_after_refresh(lambda: self._lay_out(self._blocks))

    def show(self, blocks: Sequence[Block]) -> None:
        """Show these, oldest first."""
        if tuple(blocks) != self._blocks:
            longer = tuple(blocks[-1:]) != self._blocks[-1:]  # not if the thinking further up was opened
            self._following = self._following or not blocks
            self._lay_out(tuple(blocks))
            if not blocks or self._following:
                self._tell_below(False)
            elif longer:
                self._tell_below(True)

    def follow(self) -> None:
        """To the newest line, and stay there."""
        self._following = True
        self.scroll_end(animate=False, immediate=True)
        self._tell_below(False)

    def on_resize(self, event: events.Resize) -> None:
        """Another width: every line anew."""
        if self.scrollable_content_region.width != self._width:
            self._anew()
        elif self._following:
            self.scroll_end(animate=False, immediate=True)

    def notify_style_update(self) -> None:
        """Another theme: every line anew."""
        super().notify_style_update()
        if self._themed != self.app.theme:
            self._themed = self.app.theme
            self._rich, self._drawn = None, {}
            self._lay_out(self._blocks)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._following = self.is_vertical_scroll_end
        if self._following:
            self._tell_below(False)

    def _tell_below(self, there: bool) -> None:
        if there != self._below:
            self._below = there
            self.post_message(self.Below(there))

    def _lay_out(self, blocks: tuple[Block, ...]) -> None:
        width = self.scrollable_content_region.width
        if not width:  # hidden: it will be told its size when it is shown
            self._blocks, self._width = blocks, 0
            return
        if width != self._width:  # also where no resize has told so yet
            self._rich, self._drawn = None, {}
        following, reading = self._following, self._reading_at()
        self._blocks, self._width = blocks, width
        self._draw_some(newest_first=following)
        heights = [self._height(block) for block in blocks]
        self._starts = list(accumulate(heights[:-1], initial=0)) if heights else []
        self.virtual_size = Size(width, sum(heights))
        if following:
            self.follow()
        elif reading is not None:
            index, line = reading
            if index < len(blocks):
                at = self._starts[index] + min(line, heights[index] - 1)
                if at != self.scroll_offset.y:
                    self.scroll_to(y=at, animate=False, immediate=True)
        self.refresh()

    def _reading_at(self) -> tuple[int, int] | None:
        """The block at the top of what is seen, and which of its lines."""
        if not self._starts:
            return None
        index = bisect_right(self._starts, self.scroll_offset.y) - 1
        return index, self.scroll_offset.y - self._starts[index]

    def _draw_some(self, *, newest_first: bool) -> None:
        """Draw blocks that are not, as many as take no time; the others later."""
        known, left = self._drawn, _AT_ONCE
        self._drawn = {block: known[block] for block in self._blocks if block in known}
        for block in reversed(self._blocks) if newest_first else self._blocks:
            if block not in self._drawn:
                if left <= 0:
                    self._draw_later()
                    return
                left -= len(block.text) + 100
                self._drawn[block] = self._draw(block)

    def _draw_later(self) -> None:
        if not self._later:
            self._later = True
            self.set_timer(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._later = False
        self._lay_out(self._blocks)

    def _height(self, block: Block) -> int:
        strips = self._drawn.get(block)
        if strips is not None:
            return len(strips)
        return block.text.count("\n") + len(block.text) // self._width + 1 + block.gap

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        hidden = not self._width  # what it shows now was not laid out yet
        if hidden or line >= self.virtual_size.height or not self._starts:
            return Strip.blank(self.size.width, self.rich_style)
        index = bisect_right(self._starts, line) - 1
        block = self._blocks[index]
        if block not in self._drawn:  # in sight before its turn came
            self._drawn[block] = self._draw(block)
            self._draw_later()
        strips, at = self._drawn[block], line - self._starts[index]
        return strips[at] if at < len(strips) else Strip.blank(self.size.width, self.rich_style)

    def _draw(self, block: Block) -> list[Strip]:
        """A block and the blank line after it, if there is one: whole lines, so that a scroll costs nothing more."""
        width = max(1, self._width - 1)  # so that no word touches the scrollbar
        if self._rich is None:
            self._rich = Console(
                file=StringIO(), width=width, theme=self._theme(), color_system="truecolor", force_terminal=True
            )
        lines = self._rich.render_lines(self._rendered(block), self._rich.options, pad=False)
        strips = [Strip(line).crop(0, width) for line in lines] if block.text else []
        while len(strips) > 1 and _is_blank(strips[0]):  # Rich puts some around tables
            del strips[0]
        while len(strips) > 1 and _is_blank(strips[-1]):
            del strips[-1]
        ground, whole = self.rich_style, self.size.width
        blank = [Strip.blank(whole, ground)] if block.gap else []
        return [*(strip.apply_style(ground).extend_cell_length(whole, ground) for strip in strips), *blank]

    def _rendered(self, block: Block) -> RenderableType:
        match block.kind:
            case "question":
                question = Table.grid(padding=(0, 1))
                question.add_row(Text("❯", style="question"), Text(block.text, style="question", overflow="fold"))
                return question
            case "thinking":
                return Padding(Text(block.text, style="thinking", overflow="fold"), (0, 0, 0, 2))
            case "note" | "problem" | "label":
                return Text(block.text, style=block.kind, overflow="fold")
            case "code":
                ground, style = self.app.theme_variables["panel"], _CODE[self.app.current_theme.dark]
                language = block.language or "text"
                return Syntax(
                    block.text, language, theme=style, word_wrap=True, padding=(0, 1), background_color=ground
                )
            case "markdown" if len(block.text) <= _MOST_MARKDOWN and not self._too_wide(block.text):
                markdown = Markdown("", hyperlinks=False)  # a link shows where it goes, and is none to a mouse
                markdown.markup, markdown.parsed = block.text, _PARSER.parse(block.text)
                return markdown
            case _:
                return Text(block.text, overflow="fold")

    def _too_wide(self, text: str) -> bool:
        """A table of more columns than the screen has room for: as text it can be read."""
        return any(line.count("|") * _NARROWEST > self._width for line in text.splitlines() if "|" in line)

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
                "label": muted,
                "problem": Style(color=colours["error"]),
                "markdown.code": secondary + bold,  # bold, for a colour alone says nothing
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
