"""Chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from nemotui.core.chat import Mode
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.chat import ChatState


class ChatPane(Pane[ChatState]):
    """Chat."""

    LABEL: ClassVar[str] = "Chat"

    @dataclass
    class Asked(Message):
        """Send this."""

        text: str

    @dataclass
    class Changed(Message):
        """The mode was switched, or a new conversation begun (`mode` None)."""

        mode: Mode | None

    class Stopped(Message):
        """End the answer and keep what came."""

    def compose(self) -> ComposeResult:
        yield Static("Chat")

    def draw(self) -> None:
        pass
