"""Handing the server over, over the console: a recipe for each client, tested, copied, run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from nemotui.core.connect import CLIENTS, RUN_AT_LENGTH, Client
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.states.connect import ConnectState
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.connect_words import client_words, row_words
from nemotui.ui.widgets.key_bar import KeyBar


class ConnectScreen(Screen[None], inherit_bindings=False):
    """It shows what the main screen tries, and asks it to begin or to stop; leaving it ends nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("connect")
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(
        self, target: str, state: ConnectState, begin: Callable[[Client, bool], None], stop: Callable[[], None]
    ) -> None:
        super().__init__()
        self._target, self._state, self._begin, self._stop = target, state, begin, stop
        self._cursor = CLIENTS.index(state.going) if state.going else 0

    def compose(self) -> ComposeResult:
        with Vertical(id="connect"):
            yield Static(Content.assemble(("Connect  ", "bold $primary"), self._target), id="connect-head")
            yield Canvas(id="connect-clients")
            with VerticalScroll(id="connect-below", can_focus=False):
                yield Static(id="connect-client")
        yield KeyBar(docked=True)

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        """The row under the cursor is as long as there is room."""
        self.call_after_refresh(self._draw)

    def show(self, state: ConnectState) -> None:
        """Something came. The end of a long run's output stays in view."""
        self._state = state
        if not self.is_mounted:
            return
        self.refresh_bindings()
        self._draw()
        if state.at_length and state.going == self._client:
            self.query_one("#connect-below").scroll_end(animate=False)

    @property
    def _client(self) -> Client:
        return CLIENTS[self._cursor]

    def _draw(self) -> None:
        clients = self.query_one("#connect-clients", Canvas)
        clients.show([row_words(self._state, one, one == self._client, clients.size.width) for one in CLIENTS])
        self.query_one("#connect-client", Static).update(
            client_words(self._state, self._client, clients.size.width - 2)
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        going = self._state.going is not None
        handed = self._state.of(self._client)
        return {
            "test": not going,
            "run": not going and self._client in RUN_AT_LENGTH,
            "stop": going,
            "copy": handed is not None and handed.recipe is not None,
        }.get(action, True)

    def action_test(self) -> None:
        """What it needs of the server; a short recipe is run, too."""
        self._begin(self._client, False)

    def action_run(self) -> None:
        """The benchmark itself."""
        self._begin(self._client, True)

    def action_stop(self) -> None:
        """End what goes on."""
        self._stop()

    def action_copy(self) -> None:
        """The recipe, through the terminal's clipboard."""
        handed = self._state.of(self._client)
        if handed is not None and handed.recipe is not None:
            copy(self, handed.recipe, "The recipe, without a key,")

    def action_move(self, rows: int) -> None:
        """Another client."""
        self._cursor = max(0, min(self._cursor + rows, len(CLIENTS) - 1))
        self.refresh_bindings()
        self._draw()
        self.query_one("#connect-below").scroll_home(animate=False)

    def action_page(self, pages: int) -> None:
        """A page of what is said of the client."""
        below = self.query_one("#connect-below")
        below.scroll_relative(y=pages * max(1, below.size.height - 1), animate=False)

    def action_back(self) -> None:
        """To the console; what goes on goes on."""
        self.dismiss(None)
