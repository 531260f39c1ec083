"""Bench."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from nemotui.ui.panes.base import Pane
from nemotui.ui.states.bench import BenchState


class BenchPane(Pane[BenchState]):
    """Bench."""

    LABEL: ClassVar[str] = "Bench"

    @dataclass
    class Start(Message):
        """Run a benchmark of this shape: fields of `BenchSpec`."""

        shape: dict[str, Any]

    @dataclass
    class Stop(Message):
        """End this run; it keeps what it has."""

        run: str

    def compose(self) -> ComposeResult:
        yield Static("Bench")

    def draw(self) -> None:
        pass
