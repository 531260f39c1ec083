"""What a served model can have wrong without saying so: switches that show through their effect alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from nemotui.sim.model import Question, Reply, Token

# Of these the server itself knows: it is started without the parser.
NO_REASONING_PARSER: Final = "no-reasoning-parser"
NO_TOOL_PARSER: Final = "no-tool-parser"

_GARBAGE: Final = (" the", " lattice", " of", " of", " ounces", "ö", " the", " der", " quartz", " 和", "ting", " of")
_LEAKED: Final = 12  # tokens of thinking before its mark


def _ignored_mode(question: Question) -> Question:
    return replace(question, thinking=True, low_effort=False)


def _ignored_low_effort(question: Question) -> Question:
    return replace(question, low_effort=False)


def _ignored_budget(question: Question) -> Question:
    return replace(question, thinking_token_budget=None)


def _thinking_leak(reply: Reply) -> Reply:
    """The parser loses the end of the thinking, and with it the mark."""
    thought = reply.reasoning_tokens
    kept = max(0, thought - _LEAKED)
    tokens = [
        Token("content", token.text) if kept <= at <= thought and token.channel in ("reasoning", "mark") else token
        for at, token in enumerate(reply.tokens)
    ]
    return replace(reply, tokens=tuple(tokens)) if thought else reply


def _null_content(reply: Reply) -> Reply:
    """The answer is taken for more thinking."""
    tokens = tuple(Token("reasoning", t.text) if t.channel == "content" else t for t in reply.tokens)
    return replace(reply, tokens=tokens)


def _corrupt_text(reply: Reply) -> Reply:
    """As from kernels that compute something else."""
    tokens = tuple(
        Token("content", _GARBAGE[at % len(_GARBAGE)]) if token.channel == "content" else token
        for at, token in enumerate(reply.tokens)
    )
    return replace(reply, tokens=tokens)


def _lost_tool_call(reply: Reply) -> Reply:
    """The parser drops what it cannot read."""
    tokens = tuple(Token("mark", t.text) if t.channel in ("tool_name", "tool_arguments") else t for t in reply.tokens)
    return replace(reply, tokens=tokens, finish_reason="stop") if tokens != reply.tokens else reply


_OF_QUESTIONS: Final[Mapping[str, Callable[[Question], Question]]] = {
    "ignored-mode": _ignored_mode,
    "ignored-low-effort": _ignored_low_effort,
    "ignored-budget": _ignored_budget,
}
_OF_REPLIES: Final[Mapping[str, Callable[[Reply], Reply]]] = {
    "thinking-leak": _thinking_leak,
    "null-content": _null_content,
    "corrupt-text": _corrupt_text,
    "lost-tool-call": _lost_tool_call,
}
FAULTS: Final = (NO_REASONING_PARSER, NO_TOOL_PARSER, *_OF_REPLIES, *_OF_QUESTIONS)


def misheard(question: Question, faults: frozenset[str]) -> Question:
    """The question as a server with these faults takes it."""
    for name, fault in _OF_QUESTIONS.items():
        if name in faults:
            question = fault(question)
    return question


def spoiled(reply: Reply, faults: frozenset[str]) -> Reply:
    """The reply as a server with these faults hands it on."""
    for name, fault in _OF_REPLIES.items():
        if name in faults:
            reply = fault(reply)
    return reply
