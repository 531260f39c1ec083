"""What the inspector is shown of a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.exchange import Exchange
from nemotui.ui.states.chat import ChatState


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """An exchange and what it was for, in a line."""

    title: str
    exchange: Exchange


def inspected(state: ChatState) -> list[Inspected]:
    """The exchanges of a conversation, the oldest first."""
    return [
        Inspected(title=f"[{turn.reply.mode}] {' '.join(turn.question.split())}", exchange=turn.reply.exchange)
        for turn in state.turns
        if turn.reply is not None and turn.reply.exchange is not None
    ]
