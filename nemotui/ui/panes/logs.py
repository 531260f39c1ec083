"""Logs."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from nemotui.ui.panes.base import Pane
from nemotui.ui.states.logs import LogsState


class LogsPane(Pane[LogsState]):
    """Logs."""

    LABEL: ClassVar[str] = "Logs"

    def compose(self) -> ComposeResult:
        yield Static("Logs")

    def draw(self) -> None:
        pass
