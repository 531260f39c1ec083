"""What the five panes have in common: a state to draw, a place to focus, keys that say what they do."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Generic, TypeVar

from textual.containers import Vertical
from textual.geometry import Size
from textual.reactive import reactive
from textual.timer import Timer

S = TypeVar("S")
_HURRY_S = 0.5  # after a key the next pictures may be its


class Pane(Vertical, Generic[S], can_focus=True):
    """One of the five. It is drawn from `state` alone, which the screen assigns, and only while it is shown.

    `live` is the same, but not held while the picture is: keys go by what is, whatever the picture shows.

    On a `slow` line `SLOW_S` lies between two pictures, but what a key has changed is drawn at once.

    The pane itself takes the focus unless one of its fields has it, so that its keys work at once.
    """

    LABEL: ClassVar[str]
    DRAW_EVERY_S: ClassVar[float] = 0.0  # at least so long between two pictures; 0: each state is drawn at once
    SLOW_S: ClassVar[float] = 10.0  # as DRAW_EVERY_S, on a slow line
    KEYS_FIRST_S: ClassVar[float] = 0.0  # where no key changes the state: so long after one, it is not drawn
    state: reactive[S | None] = reactive(None, init=False, repaint=False)  # `draw` says what is repainted
    live: S | None = None
    slow = False
    _hurried_at: float = -1.0  # when a key was pressed, by the event loop's clock
    _rest: Timer | None = None  # while it runs, new states wait for its end
    _waiting = False
    _picture: tuple[S | None, Size, str] | None = None  # of which state, size and theme there is one
    _gave_way = False  # to a key; a picture does so once, for whoever types on shall see it

    def watch_state(self) -> None:
        """A new state: draw it, if anybody sees it."""
        now = asyncio.get_running_loop().time()
        rest_s = self.SLOW_S if self.slow and now - self._hurried_at >= _HURRY_S else self.DRAW_EVERY_S
        if self._rest is not None:
            self._waiting = True
        elif self.display and self.is_mounted:
            self.draw()
            if rest_s:
                self._rest = self.set_timer(rest_s, self._rested)

    def hurry(self) -> None:
        """A key was pressed: what it changes shall be seen."""
        self._hurried_at = asyncio.get_running_loop().time()
        if self.slow and self._rest is not None:
            self._rest.stop()
            self._rested()

    def _rested(self) -> None:
        self._rest = None
        since_key_s = asyncio.get_running_loop().time() - self._hurried_at
        if since_key_s < self.KEYS_FIRST_S and not self.slow and not self._gave_way:
            self._gave_way = True
            self._rest = self.set_timer(self.KEYS_FIRST_S - since_key_s, self._rested)
            return
        self._gave_way = False
        if self._waiting:
            self._waiting = False
            self.watch_state()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """No style asks whether a pane has the focus; Textual would ask all of its widgets for theirs anew."""

    def on_resize(self) -> None:
        """There is more room, or less; Textual says so also of a pane that comes to the front as it was."""
        self._draw_missed()

    def on_show(self) -> None:
        """The pane has come to the front."""
        self._draw_missed()

    def _draw_missed(self) -> None:
        if self.is_mounted and self.missed:
            self.draw()

    @property
    def missed(self) -> bool:
        """Whether there is no picture yet of what is now."""
        if self._picture is None:
            return True
        state, size, theme = self._picture
        return state is not self.state or size != self.size or theme != self.app.theme

    def draw(self) -> None:
        """Bring the widgets up to `state`, now or when somebody sees them."""
        self._picture = (self.state, self.size, self.app.theme) if self.display else None
        if self._picture is not None and self.state is not None:
            self._draw(self.state)

    def _draw(self, state: S) -> None:
        raise NotImplementedError

    def take_focus(self) -> None:
        """The pane comes to the front: its list, its field or itself takes the keys."""
        self.focus()

    def leave_field(self) -> None:
        """Escape in a field: the pane's own keys work again."""
        self.focus()
