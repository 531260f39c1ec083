"""The application: one screen, a theme, and the palette. It gets backends and never an adapter."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar

from textual import events
from textual._styles_cache import StylesCache
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import Provider
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import WorkerError

from nemotui.core.errors import NemotuiError
from nemotui.keys.keymap import Keymap, key_of, sentences_name
from nemotui.ui.copying import to_terminal
from nemotui.ui.driver import TerminalDriver, key_done
from nemotui.ui.keys import Action, bindings, own_actions
from nemotui.ui.look import Look, filters
from nemotui.ui.opening import Opening
from nemotui.ui.pasting import LONGEST
from nemotui.ui.themes import THEMES

_STORING_S = 2.0  # more a full or silent disk may not cost whoever leaves
_MAKING_S = 10.0  # a key waits for the pane that the one before has chosen to be made, on a busy machine seconds
_SETTLED_S = 5.0  # by then everything has been asked, imported and drawn once
# A look for garbage at all there is takes as long as some keys do, and Python would take one a second in a flood. The
# lines of a log that are kept, which are none, come and go within so many new objects.
_LOOKS = 30_000, 5, 5  # new objects to a look, looks to one that goes further back, and such to one at all there is

# Textual remembers these two colours for each object that asked, and with the object the pictures of a widget that is
# gone, a thousand of them. They are the same for whoever asks.
_colours = lru_cache(1024)(StylesCache.get_inner_outer.__wrapped__)
StylesCache.get_inner_outer = classmethod(_colours)  # type: ignore[assignment, arg-type]


def _palette() -> type[Provider]:
    """Imported when it is opened first."""
    from nemotui.ui.palette import Actions

    return Actions


class NemotuiApp(App[None], inherit_bindings=False):
    """The console. `first` makes its first screen: the main one, or an `Opening` that makes way for it.

    `failure`: what has kept the main screen from being made, after the end.
    """

    TITLE = "nemotui"
    CSS_PATH = "opening.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_palette}

    def __init__(
        self, first: Callable[[], Screen[Any]], keymap: Keymap | None = None, look: Look | None = None
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self._make_first = first
        self._typed: deque[events.Key | events.Paste] | None = None  # while the main screen is not there to take it
        self.failure: NemotuiError | None = None
        self._ending: asyncio.Task[None] | None = None
        self.look = look or Look()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = self.look.theme
        self.keymap = keymap or Keymap()
        self.set_keymap(self.keymap.changes)
        sentences_name(self.keymap)
        self._parsed_with = self.get_css_variables()
        self.stylesheet.set_variables(self._parsed_with)

    def get_default_screen(self) -> Screen[Any]:
        first = self._make_first()
        if isinstance(first, Opening):
            self._typed = deque()
        self._load_screen_css(first)  # Textual does it for every other
        return first

    def refresh_css(self, animate: bool = True) -> None:
        """Textual parses all CSS anew at every start, for a theme that it has parsed it with already."""
        variables = self.get_css_variables()
        if variables == self._parsed_with:
            self.stylesheet.update(self, animate=animate)
        else:
            self._parsed_with = variables
            super().refresh_css(animate)

    async def on_event(self, event: events.Event) -> None:
        """What is typed into the first picture is meant for the main screen; the picture says that it was heard."""
        typed = self._typed
        # One that was forwarded comes back here from the screen that it was given to.
        if typed is not None and isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            typed.append(event)
            if isinstance(opening := self.screen_stack[-1], Opening):
                opening.heard(event, self.keymap)
        else:
            await self._do(event)

    async def _do(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and self.is_running:
            from nemotui.ui.screen import MainScreen

            if isinstance(main := self.screen_stack[0], MainScreen):
                main.hurry()
        await super().on_event(event)

    async def begin(self, main: Screen[Any]) -> None:
        """The main screen takes the opening's place, and what was typed meanwhile; what is typed now waits for that."""
        self.add_mode("main", lambda: main)
        await self.switch_mode("main")  # Textual cannot switch a default screen for another
        while self._typed:
            self.call_later(self._do, self._typed.popleft())
            await key_done(self, _MAKING_S)
        self._typed = None
        self.set_timer(_SETTLED_S, look_for_garbage)

    def on_terminal_gone(self) -> None:
        """The line to it has broken, or its window was closed."""
        self.end()

    def on_pasted_too_much(self) -> None:
        """Said, since what one pasted is nowhere."""
        self.notify(f"What was pasted has more than {LONGEST:,} characters: none of it was taken.", severity="warning")

    def end(self, return_code: int = 0) -> None:
        """We are told to end, or the terminal is gone: what waits to be stored is stored first."""
        if isinstance(self.screen_stack[0], Opening):
            self.exit(return_code=return_code)
        else:
            self._ending = asyncio.create_task(self._store_and_exit(return_code))

    async def _store_and_exit(self, return_code: int) -> None:
        from nemotui.ui.screen import MainScreen

        main = self.screen_stack[0]
        assert isinstance(main, MainScreen)
        with contextlib.suppress(TimeoutError, WorkerError):
            await asyncio.wait_for(main.store_all(), _STORING_S)
        self.exit(return_code=return_code)

    def failed(self, failure: NemotuiError) -> None:
        """There will be no main screen."""
        self.failure = failure
        self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that has a key, so that the palette and the keys can never differ; not those that only move."""
        for action in self._actions(screen):
            entry = action.entry
            if not entry.moves:
                title = f"{action.where}: {entry.label} ({self.keymap.shown(entry)})"
                yield SystemCommand(title, self.keymap.does(entry), action.run)
        for name in THEMES:
            yield SystemCommand(f"Theme: {name}", "For now and the next time", partial(self.choose_theme, name))

    def _actions(self, screen: Screen[Any]) -> Iterable[Action]:
        from nemotui.ui.screen import MainScreen

        return screen.actions() if isinstance(screen, MainScreen) else own_actions(screen)

    def choose_theme(self, name: str) -> None:
        """From now on, and the next time."""
        self.theme = name
        self.look.remember(name)

    def action_next_theme(self) -> None:
        """The next of the four."""
        names = list(THEMES)
        self.choose_theme(names[(names.index(self.theme) + 1) % len(names)])
        self.notify(f"Theme: {self.theme}")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What a terminal that can do less needs, after Textual's own."""
        return [*super().get_line_filters(), *filters(self)]

    def copy_to_clipboard(self, text: str) -> None:
        """Through SSH and tmux as well."""
        self._clipboard = text
        if self._driver is not None:
            to_terminal(self._driver, text)

    def action_keys(self) -> None:
        """The keys of the screen in front."""
        from nemotui.ui.modals import Help

        self.push_screen(Help(self._actions(self.screen), self.keymap))

    def action_how_to_quit(self) -> None:
        """Whoever presses Ctrl+C wants to leave, or to copy: neither by accident."""
        self.notify(f"{key_of('quit')} leaves the console; in a field, {key_of('quit-anywhere')}.")

    def notify(self, message: str, *, markup: bool = False, **kwargs: Any) -> None:
        """As Textual's, but the message is text, never markup: it may hold a server's words."""
        super().notify(message, markup=markup, **kwargs)


def look_for_garbage() -> None:
    """From now on, for a console may be open for days; but never in what is there now, for it stays."""
    gc.freeze()
    gc.set_threshold(*_LOOKS)
    gc.enable()
