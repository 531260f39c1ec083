"""A conversation: questions, what came back to each, and how the next answers are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nemotui.core.chat import MODES, ChatDelta, ChatSettings, Message, Reply
from nemotui.core.errors import Problem
from nemotui.core.show import cut

_TITLE = 60  # characters
_WIRES = 8  # the latest answers, of which it is kept what went over the wire: some MB each at most


@dataclass(frozen=True, slots=True)
class Asked:
    """A question goes out to a model, by its served name, at a unix time.

    `instead_of` is the turn, counted from 0, in whose place it stands: that one and all after it are gone.
    """

    text: str
    model: str | None = None
    at: float | None = None
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class NextMode:
    """Full, then low, then off, for the answers to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question and what came back; `settings` are those that it went out with.

    `reply` is None until the request goes out. `over`: nothing more comes, because it
    is complete, `stopped` by us, or broken by `problem`.
    """

    question: str
    settings: ChatSettings = field(default_factory=ChatSettings)
    model: str | None = None
    at: float | None = None
    reply: Reply | None = None
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
    def thinking_tokens(self) -> tuple[int, bool]:
        """How many, and whether the server said so; until it does, a chunk counts as a token."""
        if self.reply is None:
            return 0, False
        usage = self.reply.usage
        if usage is not None and usage.reasoning_tokens is not None:
            return usage.reasoning_tokens, True
        return self.reply.thinking_chunks, False


def _let_go(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """One more goes out: the wire of the one that is too old now is let go."""
    if len(turns) < _WIRES or (reply := turns[-_WIRES].reply) is None:
        return turns
    old = replace(turns[-_WIRES], reply=reply.without_wire())
    return (*turns[:-_WIRES], old, *turns[len(turns) - _WIRES + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The turns, oldest first; only the last may be going on. `settings` are for the answers to come."""

    turns: tuple[Turn, ...] = ()
    settings: ChatSettings = field(default_factory=ChatSettings)

    def after(self, event: Asked | NextMode | ChatSettings | ChatDelta | Problem | None) -> Conversation:
        """The conversation after one event; None: the answer is complete, or was stopped."""
        match event:
            case Asked():
                turn = Turn(question=event.text, settings=self.settings, model=event.model, at=event.at)
                return replace(self, turns=(*_let_go(self.turns[: event.instead_of]), turn))
            case NextMode():
                mode = MODES[(MODES.index(self.settings.mode) + 1) % len(MODES)]
                return replace(self, settings=replace(self.settings, mode=mode))
            case ChatSettings():
                return replace(self, settings=event)
        if not self.answering:
            return self  # of an answer that is no longer wanted
        match event:
            case ChatDelta(reply=reply):
                return self._last(replace(self.turns[-1], reply=reply))
            case Problem():
                return self._last(replace(self.turns[-1], over=True, problem=event))
            case None:
                return self._last(replace(self.turns[-1], over=True))

    def _last(self, turn: Turn) -> Conversation:
        return replace(self, turns=(*self.turns[:-1], turn))

    @property
    def answering(self) -> bool:
        """An answer is awaited or being written."""
        return bool(self.turns) and not self.turns[-1].over

    @property
    def messages(self) -> tuple[Message, ...]:
        """As it is sent, with the system prompt first, thinking left out by whoever writes the request.

        A question that nothing came back to is not repeated to the server.
        """
        messages: list[Message] = []
        if self.settings.system:
            messages.append(Message(role="system", content=self.settings.system))
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
        """The text of the newest answer; empty where there is none."""
        return next((turn.reply.content for turn in reversed(self.turns) if turn.reply and turn.reply.content), "")

    @property
    def title(self) -> str:
        """The first question in a line; empty where nothing was asked."""
        words = " ".join(self.turns[0].question.split()) if self.turns else ""
        return cut(words, _TITLE)
