"""The Chat pane's state: the conversation as it is shown, and as it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nemotui.core.chat import MODES, ChatDelta, Message, Mode, Reply
from nemotui.core.errors import Problem
from nemotui.core.watch import ServerSample


@dataclass(frozen=True, slots=True)
class Asked:
    """A question goes out."""

    text: str


@dataclass(frozen=True, slots=True)
class NextMode:
    """Full, then low, then off, for the answers to come."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A new conversation begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question and what came back.

    `reply` is None until the request goes out. `thinking_chunks` are the token chunks
    before the answer began. `over`: nothing more comes, because it is complete, `stopped` by us, or broken by
    `problem`.
    """

    question: str
    reply: Reply | None = None
    thinking_chunks: int = 0
    over: bool = False
    problem: Problem | None = None

    @property
    def stopped(self) -> bool:
        """It was ended by us: the server never said why it would."""
        return self.over and self.problem is None and (self.reply is None or self.reply.finish_reason is None)

    @property
    def thinking(self) -> bool:
        """It thinks now: no word of the answer yet."""
        return not self.over and self.reply is not None and bool(self.reply.reasoning) and not self.answered

    @property
    def answered(self) -> bool:
        """The answer itself has begun."""
        return self.reply is not None and self.reply.first_answer_at is not None

    @property
    def thinking_s(self) -> float | None:
        """Seconds from the first token to the first of the answer, or to the last so far."""
        reply = self.reply
        if reply is None or reply.first_token_at is None or reply.last_token_at is None:
            return None
        return (reply.first_answer_at or reply.last_token_at) - reply.first_token_at

    @property
    def thinking_tokens(self) -> tuple[int, bool]:
        """How many, and whether the server said so; until it does, a chunk counts as a token."""
        usage = self.reply.usage if self.reply else None
        if usage is not None and usage.reasoning_tokens is not None:
            return usage.reasoning_tokens, True
        return self.thinking_chunks, False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatState:
    """The turns, oldest first; only the last may be going on. `served` is the name of the model that answers now."""

    turns: tuple[Turn, ...] = ()
    mode: Mode = "full"
    served: str | None = None

    def after(self, event: ServerSample | Asked | NextMode | Cleared | ChatDelta | Problem | None) -> ChatState:
        """The state after one event; None: the answer is complete, or was stopped."""
        match event:
            case ServerSample():
                return replace(self, served=event.models[0].id if event.serving else None)
            case Asked(text=text):
                return replace(self, turns=(*self.turns, Turn(question=text)))
            case NextMode():
                return replace(self, mode=MODES[(MODES.index(self.mode) + 1) % len(MODES)])
            case Cleared():
                return replace(self, turns=())
        if not self.answering:
            return self  # of an answer that is no longer wanted
        match event:
            case ChatDelta(reply=reply):
                before = self.turns[-1].thinking_chunks
                thought = reply.token_chunks if reply.first_answer_at is None else before
                return self._last(replace(self.turns[-1], reply=reply, thinking_chunks=thought))
            case Problem():
                return self._last(replace(self.turns[-1], over=True, problem=event))
            case None:
                return self._last(replace(self.turns[-1], over=True))

    def _last(self, turn: Turn) -> ChatState:
        return replace(self, turns=(*self.turns[:-1], turn))

    @property
    def answering(self) -> bool:
        """An answer is awaited or being written."""
        return bool(self.turns) and not self.turns[-1].over

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as it is sent. A question that nothing came back to is not repeated to the server."""
        messages: list[Message] = []
        for turn in self.turns:
            reply = turn.reply if turn.over else None
            if turn.over and (reply is None or not reply.begun):
                continue
            messages.append(Message(role="user", content=turn.question))
            if reply is not None:
                messages.append(Message(role="assistant", content=reply.content, reasoning=reply.reasoning))
        return tuple(messages)

    @property
    def last_answer(self) -> str:
        """The text of the newest answer, to be copied; empty where there is none."""
        return next((turn.reply.content for turn in reversed(self.turns) if turn.reply and turn.reply.content), "")
