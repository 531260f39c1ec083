"""The Chat pane's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nemotui.core.chat import Message, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatState:
    """Chat."""

    messages: tuple[Message, ...] = ()
    mode: Mode = "full"
    answering: bool = False

    def after(self, event: Any) -> ChatState:
        """The state after one event."""
        return self
