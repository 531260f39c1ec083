"""The Chat pane's state: the conversation, who answers, what was asked before, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nemotui.core.chat import ChatDelta, ChatSettings, Mode
from nemotui.core.conversation import Asked, Conversation, NextMode, Turn
from nemotui.core.errors import Problem
from nemotui.core.stores import KeptConversation
from nemotui.core.watch import ServerSample

_RECALLED = 200  # questions that the field remembers


@dataclass(frozen=True, slots=True)
class Cleared:
    """A new conversation begins, with the settings of the last one."""


@dataclass(frozen=True, slots=True)
class Editing:
    """The question of this turn, from 0, is in the field to be asked anew; None: not any more."""

    turn: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored conversation takes the place of the one that was shown."""

    conversation: Conversation
    kept: KeptConversation


@dataclass(frozen=True, slots=True)
class Kept:
    """The conversation of this serial was stored."""

    serial: int
    kept: KeptConversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatState:
    """`served` is the model that answers now. `asked` are questions of this session, oldest first, for the field.

    `editing` is the turn whose question is asked anew. `kept`: the files of this conversation, None before its first
    answer has ended; `serial` tells it from others of this session.
    """

    conversation: Conversation = field(default_factory=Conversation)
    served: str | None = None
    asked: tuple[str, ...] = ()
    editing: int | None = None
    kept: KeptConversation | None = None
    serial: int = 0

    def after(
        self,
        event: ServerSample
        | Asked
        | NextMode
        | ChatSettings
        | Cleared
        | Editing
        | Opened
        | Kept
        | ChatDelta
        | Problem
        | None,
    ) -> ChatState:
        """The state after one event; None: the answer is complete, or was stopped."""
        match event:
            case ServerSample():
                return replace(self, served=event.models[0].id if event.serving else None)
            case Cleared():
                fresh = Conversation(settings=self.conversation.settings)
                return replace(self, conversation=fresh, editing=None, kept=None, serial=self.serial + 1)
            case Editing():
                return replace(self, editing=event.turn)
            case Opened():
                return replace(
                    self, conversation=event.conversation, editing=None, kept=event.kept, serial=self.serial + 1
                )
            case Kept():
                return replace(self, kept=event.kept) if event.serial == self.serial else self
        state = replace(self, conversation=self.conversation.after(event))
        if isinstance(event, Asked):
            others = tuple(text for text in self.asked if text != event.text)
            state = replace(state, asked=(*others, event.text)[-_RECALLED:], editing=None)
            if event.instead_of is not None:  # another conversation: the one that is stored stays as it is
                return replace(state, kept=None, serial=self.serial + 1)
        return state

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation's, oldest first."""
        return self.conversation.turns

    @property
    def mode(self) -> Mode:
        """Reasoning for the next answers."""
        return self.conversation.settings.mode

    @property
    def answering(self) -> bool:
        """An answer is awaited or being written."""
        return self.conversation.answering
