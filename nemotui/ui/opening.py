"""What is seen first: the GPUs, while the rest of the console is not even imported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from nemotui.core.errors import NemotuiError
from nemotui.core.hardware import Machine, NoGpusError
from nemotui.keys.keymap import Keymap
from nemotui.keys.places import ENTRIES
from nemotui.ui.panes.gpus import GpusPane
from nemotui.ui.states.gpus import GpusState
from nemotui.ui.widgets.pane_bar import LABELS, PaneBar

_PATIENCE_S = 0.5  # a driver that takes longer is waited for by the main screen

MainScreenMaker = Callable[[GpusState], Awaitable[Screen[Any]]]


class Opening(Screen[None], inherit_bindings=False):
    """The main screen's first picture. Once it is painted the main screen is made, which shows the same and goes on.

    `first` is the machine's first sample, begun before anything was drawn; `main` imports and makes the main screen.
    """

    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Opening { layout: vertical; }
    Opening #no-server { height: 1; background: $panel; padding: 0 1; color: $muted; }
    Opening GpusPane { height: 1fr; }
    """

    def __init__(self, first: asyncio.Task[Machine], main: MainScreenMaker, aside: str) -> None:
        super().__init__()
        self._first = first
        self._main = main
        self._aside = aside
        self._shown = GpusState()
        self._panes_alone = True  # all that was typed so far chose a pane, and none in which more would be text

    def compose(self) -> ComposeResult:
        yield Static("○ looking for a server", id="no-server", markup=False)
        yield PaneBar(self._aside)
        yield GpusPane(id="gpus")
        yield Static()

    def heard(self, event: events.Key | events.Paste, keymap: Keymap) -> None:
        """The main screen does what was typed; but a chosen pane's name stands out, and who quits does it at once."""
        chosen = next((name for name in ("quit", *LABELS) if _is_key(event, keymap.keys(ENTRIES[name]))), None)
        if self._panes_alone and chosen == "quit":
            self.app.exit()
        elif self._panes_alone and chosen is not None:
            self.query_one(PaneBar).current = chosen
        self._panes_alone &= chosen in LABELS and chosen != "chat"

    def on_mount(self) -> None:
        self.run_worker(self._show_first(), group="first")

    async def _show_first(self) -> None:
        with self.app.batch_update():  # one picture, with the GPUs on it
            try:
                machine = await asyncio.wait_for(self._first, _PATIENCE_S)
            except NoGpusError as error:
                machine = error.machine
            except TimeoutError:
                machine = None
            if machine is not None:
                self._shown = self._shown.after(machine)
                self.query_one(GpusPane).state = self._shown
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self.run_worker(self._go_on(), group="main")

    async def _go_on(self) -> None:
        from nemotui.ui.app import NemotuiApp

        assert isinstance(self.app, NemotuiApp)
        try:
            main = await self._main(self._shown)
        except NemotuiError as error:
            self.app.failed(error)
        else:
            await self.app.begin(main)


def _is_key(event: events.Key | events.Paste, keys: str) -> bool:
    return isinstance(event, events.Key) and not {event.key, event.character}.isdisjoint(keys.split(","))
