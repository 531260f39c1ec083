"""The application: one screen, a theme, and the palette. It gets backends and never an adapter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from nemotui.core.ports import Backends
from nemotui.ui.driver import TerminalDriver
from nemotui.ui.keys import key_name
from nemotui.ui.options import Options
from nemotui.ui.runs import RunsScreen
from nemotui.ui.screen import MainScreen
from nemotui.ui.sweep import SweepScreen

DARK = Theme(
    name="nemotui",
    primary="#76b900",
    secondary="#4fb3bf",
    accent="#e0af3f",
    warning="#e0af3f",
    error="#e5534b",
    success="#76b900",
    foreground="#d6dbd2",
    background="#101410",
    surface="#161b16",
    panel="#1e251e",
    dark=True,
    variables={
        "muted": "#8d978a",
        "band": "#28575c",  # the lighter part of a chart: up to p99, or all there is
        "footer-key-foreground": "#76b900",
        "input-selection-background": "#76b900 35%",
    },
)


class NemotuiApp(App[None], inherit_bindings=False):
    """The console."""

    TITLE = "nemotui"
    CSS_PATH = "nemotui.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "Palette", tooltip="Every action, by name", id="palette", priority=True),
        Binding("ctrl+q", "screen.leave", "Quit", tooltip="Leave the console", id="quit-anywhere", show=False),
        Binding(
            "ctrl+c", "how_to_quit", "How to quit", tooltip="Say how; in a field, copy", id="how-to-quit", show=False
        ),
    ]

    def __init__(self, backends: Backends, options: Options) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.backends = backends
        self.options = options
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_default_screen(self) -> Screen[Any]:
        return MainScreen(self.backends, self.options)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that has a key, so that the palette and the keys can never differ; not those that only move."""
        main = self.screen_stack[0]
        assert isinstance(main, MainScreen)
        for action in screen.actions() if isinstance(screen, RunsScreen | SweepScreen) else main.actions():
            if action.moves:
                continue
            binding = action.binding
            title = f"{action.where}: {binding.description} ({key_name(binding)})"
            yield SystemCommand(title, binding.tooltip, action.run)

    def action_how_to_quit(self) -> None:
        """Whoever presses Ctrl+C wants to leave, or to copy: neither by accident."""
        self.notify("q leaves the console; in a field, Ctrl+Q.")

    def notify(self, message: str, *, markup: bool = False, **kwargs: Any) -> None:
        """As Textual's, but the message is text, never markup: it may hold a server's words."""
        super().notify(message, markup=markup, **kwargs)
