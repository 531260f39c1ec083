"""The trust checks over the console: made, seen one by one, left out, copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Static

from nemotui.core.verified import as_text
from nemotui.core.verify import CHECKS
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.states.trust import TrustState
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.trust_words import check_rows, check_words, head_words


class TrustScreen(Screen[None], inherit_bindings=False):
    """It shows what the main screen asks the server, and tells it to begin or to stop; leaving it ends nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("trust")
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(
        self,
        state: TrustState,
        now: Callable[[], float],
        begin: Callable[[], None],
        stop: Callable[[], None],
        leave_out: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._state, self._now = state, now
        self._begin, self._stop, self._leave_out = begin, stop, leave_out
        self._cursor = 0

    def compose(self) -> ComposeResult:
        with Vertical(id="trust"):
            yield Static(id="trust-head")
            with VerticalScroll(id="trust-rows", can_focus=False):
                yield Canvas(id="trust-lines")
            with VerticalScroll(id="trust-below", can_focus=False):
                yield Static(id="trust-check")
        yield KeyBar(docked=True)

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        """The row under the cursor is as long as there is room."""
        self.call_after_refresh(self._draw)

    def show(self, state: TrustState) -> None:
        """Another check is made, or they begin or end. What is being made comes into view, then what is not well."""
        changed = (state.going, state.verified is None) != (self._state.going, self._state.verified is None)
        if self._state.going and not state.going and state.worst is not None:
            self._cursor = CHECKS.index(state.worst)
        if state.now is not None and state.now != self._state.now:
            self._cursor = CHECKS.index(state.now)
        self._state = state
        if changed:
            self.refresh_bindings()
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        self.query_one("#trust-head", Static).update(head_words(self._state, self._now()))
        width = self.query_one("#trust-rows").scrollable_content_region.width
        self.query_one("#trust-lines", Canvas).show(check_rows(self._state, self._cursor, width))
        self.query_one("#trust-check", Static).update(check_words(self._state, self._cursor, width))
        self.query_one("#trust-rows").scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, force=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        going = self._state.going
        offers = {"begin": not going, "leave_out": not going, "stop": going}
        return (offers | {"copy": self._state.verified is not None}).get(action, True)

    def action_begin(self) -> None:
        """Make them all, but those that are left out."""
        self._begin()

    def action_stop(self) -> None:
        """No more of them; what was found is kept."""
        self._stop()

    def action_leave_out(self) -> None:
        """The one under the cursor, or not any longer."""
        self._leave_out(CHECKS[self._cursor])

    def action_copy(self) -> None:
        """All of it as text, through the terminal's clipboard."""
        if (verified := self._state.verified) is not None:
            copy(self, as_text(verified), "The checks")

    def action_move(self, rows: int) -> None:
        """Another check."""
        self._cursor = max(0, min(self._cursor + rows, len(CHECKS) - 1))
        self._draw()

    def action_page(self, pages: int) -> None:
        """A page of what is said of the check."""
        below = self.query_one("#trust-below")
        below.scroll_relative(y=pages * max(1, below.size.height - 1), animate=False)

    def action_back(self) -> None:
        """To the console; the checks go on."""
        self.dismiss(None)
