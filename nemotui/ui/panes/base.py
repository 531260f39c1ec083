"""What the five panes have in common: a state to draw, a place to focus, keys that say what they do."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.containers import Vertical
from textual.reactive import reactive

S = TypeVar("S")


class Pane(Vertical, Generic[S], can_focus=True):
    """One of the five. It is drawn from `state` alone, which the screen assigns, and only while it is shown.

    The pane itself takes the focus unless one of its fields has it, so that its keys work at once.
    """

    LABEL: ClassVar[str]
    state: reactive[S | None] = reactive(None, init=False)

    def watch_state(self) -> None:
        """A new state: draw it, if anybody sees it."""
        if self.display and self.is_mounted:
            self.draw()

    def on_show(self) -> None:
        """The pane has come to the front: draw what it missed."""
        if self.is_mounted:
            self.draw()

    def draw(self) -> None:
        """Bring the widgets up to `state`."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """The pane comes to the front: its list, its field or itself takes the keys."""
        self.focus()

    def leave_field(self) -> None:
        """Escape in a field: the pane's own keys work again."""
        self.focus()
