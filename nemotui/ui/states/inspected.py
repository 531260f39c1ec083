"""What the inspector is shown of a conversation, and of a lab."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.exchange import Exchange
from nemotui.core.lab import LabState, Row
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


def inspected_row(lab: LabState, row: Row | None) -> list[Inspected]:
    """The exchanges of one prompt of a lab, by column; of the newest all that is kept, of others how they ended."""
    answers = zip(lab.settings, row.answers, strict=True) if row else ()
    return [
        Inspected(title=f"[{setting.name}] {' '.join(row.prompt.prompt.split())}", exchange=answer.reply.exchange)
        for setting, answer in answers
        if row is not None and answer.reply is not None and answer.reply.exchange is not None
    ]
