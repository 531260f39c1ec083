"""The inspector: what went over the wire for a reply, piece by piece with its times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from nemotui.core.connect import curl_again
from nemotui.core.exchange import Exchange
from nemotui.core.exchange_words import lines, summary, whole
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.states.inspected import Inspected
from nemotui.ui.telling import troubles_told
from nemotui.ui.widgets.exchange_lines import ExchangeLines, heading
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.raw_text import RawText

_EVERY_S = 0.25  # a reply that still comes is looked at anew


class Inspector(Screen[None], inherit_bindings=False):
    """The exchanges of a conversation or of a lab, one at a time; the newest first.

    `exchanges` is asked again and again: a reply may still be coming. `key` is what gives a shell the server's key.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("inspector")
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(
        self, exchanges: Callable[[], Sequence[Inspected]], key: Callable[[], str | None], at: int = -1
    ) -> None:
        super().__init__()
        self._exchanges, self._key = exchanges, key
        found = exchanges()
        self._at = at % len(found) if found else 0
        self._raw = False
        self._shown: tuple[Exchange, bool] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="inspector"):
            yield Static(id="inspect-title")
            yield Static(id="inspect-summary")
            yield Static(id="inspect-head")
            yield ExchangeLines(id="inspect-lines")
            yield RawText(id="inspect-text")
        yield KeyBar(docked=True)

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(_EVERY_S, self._draw)

    @property
    def _now(self) -> Inspected | None:
        found = self._exchanges()
        return found[min(self._at, len(found) - 1)] if found else None

    def on_resize(self) -> None:
        """Other columns fit."""
        self.query_one("#inspect-head", Static).update(Content.styled(heading(self.size.width - 2), "$muted"))

    def _draw(self) -> None:
        now = self._now
        if now is None or not self.is_mounted or self._shown == (now.exchange, self._raw):
            return
        self._shown = now.exchange, self._raw
        count = len(self._exchanges())
        which = f"{self._at + 1} of {count} · " if count > 1 else ""
        self.query_one("#inspect-title", Static).update(
            Content.assemble(("On the wire  ", "bold $primary"), (which, "$muted"), now.title)
        )
        notes = [Content.styled(f"! {note}", "$warning") for note in now.exchange.notes]
        said = Content.styled(summary(now.exchange), "$muted")
        self.query_one("#inspect-summary", Static).update(Content("\n").join([said, *notes]))
        self._list.show(lines(now.exchange), raw=self._raw)
        self._show_piece()

    @property
    def _list(self) -> ExchangeLines:
        return self.query_one(ExchangeLines)

    @property
    def _text(self) -> RawText:
        return self.query_one(RawText)

    def _show_piece(self) -> None:
        line = self._list.chosen
        self._text.show(whole(line.piece, raw=self._raw) if line else "")

    def on_exchange_lines_chosen(self) -> None:
        """Another piece."""
        self._show_piece()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        return action != "other" or len(self._exchanges()) > 1

    def action_other(self, step: int) -> None:
        """Another reply of the same conversation."""
        at = max(0, min(self._at + step, len(self._exchanges()) - 1))
        if at != self._at:
            self._at = at
            self._list.cursor = 0
            self._list.scroll_home(animate=False, immediate=True)
            self._draw()

    def action_raw(self) -> None:
        """As it came, or what it brings."""
        self._raw = not self._raw
        self._draw()

    def action_open(self) -> None:
        """The piece alone, or the list too."""
        self.set_class(not self.has_class("-whole"), "-whole")

    def action_move(self, rows: int) -> None:
        """A row of what is in front."""
        if self.has_class("-whole"):
            self._text.scroll_relative(y=rows, animate=False)
        else:
            self._list.go(self._list.cursor + rows)

    def action_page(self, pages: int) -> None:
        """A page of what is in front."""
        shown = self._text if self.has_class("-whole") else self._list
        self.action_move(pages * max(1, shown.size.height - 1))

    def action_turn(self, pages: int) -> None:
        """A page of the piece's text."""
        self._text.scroll_relative(y=pages * max(1, self._text.size.height - 1), animate=False)

    def action_copy(self) -> None:
        """The request, through the terminal's clipboard."""
        if (now := self._now) is None:
            return
        with troubles_told(self):
            copy(self, curl_again(now.exchange.sent, self._key()), "The request as a curl command, without a key,")

    def action_copy_piece(self) -> None:
        """The piece, through the terminal's clipboard."""
        if (line := self._list.chosen) is not None:
            copy(self, whole(line.piece, raw=True), "The piece, as it came,")

    def action_back(self) -> None:
        """The list again, or the conversation."""
        if self.has_class("-whole"):
            self.action_open()
        else:
            self.dismiss(None)
