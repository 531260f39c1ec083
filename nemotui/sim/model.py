"""The pretend model: what it says to a prompt, token by token, as Nemotron 3 Super would arrange it."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

from nemotui.sim import prose, words

# What a token becomes in the reply. `mark` is one that no parser shows, such as `</think>` or the end of the turn.
Channel = Literal["reasoning", "content", "tool_name", "tool_arguments", "mark"]


class Token(NamedTuple):
    channel: Channel
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request reduced to what decides the reply. `max_tokens` is at least 1; `tool` is one to call, or None.

    `answer` is what it says after its thinking, where that is known; prose in its place where not.
    `reasoning_parser` off leaves the thinking and its mark in the content, as vLLM without a parser does.
    """

    prompt: str
    max_tokens: int
    min_tokens: int = 0
    ignore_eos: bool = False
    seed: int = 0
    thinking: bool = True
    low_effort: bool = False
    thinking_token_budget: int | None = None
    tool: Mapping[str, Any] | None = None
    answer: str | None = None
    reasoning_parser: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """The tokens in order, marks included: their number is `usage.completion_tokens`."""

    tokens: tuple[Token, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]

    @property
    def reasoning_tokens(self) -> int:
        return sum(token.channel == "reasoning" for token in self.tokens)

    def text(self, channel: Channel) -> str:
        """Everything said on one channel."""
        return "".join(token.text for token in self.tokens if token.channel == channel)


def render(messages: Sequence[Mapping[str, Any]], *, thinking: bool, tools: Sequence[Mapping[str, Any]] = ()) -> str:
    """The prompt that a chat template makes of the messages (ChatML marks, tools in the system turn)."""
    turns = [(str(m.get("role", "user")), _turn(m)) for m in messages]
    system = "\n".join(text for role, text in turns if role == "system")
    if tools:
        system += "\n# Tools\n" + json.dumps([dict(t) for t in tools])
    rest = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns if role != "system")
    opening = "<think>\n" if thinking else "<think></think>"
    return f"<|im_start|>system\n{system}<|im_end|>\n{rest}<|im_start|>assistant\n{opening}"


def reply(question: Question) -> Reply:
    """Write the whole reply. The same question, with its seed, always gets the same one."""
    rng = random.Random(zlib.crc32(question.prompt.encode("utf-8", "replace")) ^ question.seed)
    tokens = list(islice(_tokens(question, rng), question.max_tokens))
    cut = len(tokens) == question.max_tokens and not (tokens[-1].channel == "mark" and tokens[-1].text == _END)
    if not question.reasoning_parser:
        tokens = [Token("content", t.text) if t.channel == "reasoning" or t.text == _THOUGHT else t for t in tokens]
    if cut:
        return Reply(tuple(tokens), "length")
    return Reply(tuple(tokens), "tool_calls" if any(t.channel == "tool_name" for t in tokens) else "stop")


_THOUGHT = "</think>"
_END = "<|im_end|>"


def _tokens(question: Question, rng: random.Random) -> Iterator[Token]:
    said = 0
    if question.thinking:
        length = rng.randint(16, 40) if question.low_effort else rng.randint(80, 300)
        if question.thinking_token_budget is not None:
            # As vLLM counts it: the mark that ends the thinking is inside the budget.
            length = min(length, max(0, question.thinking_token_budget - 1))
        yield from (Token("reasoning", piece) for piece in islice(_pieces(prose.thinking(rng)), length))
        yield Token("mark", _THOUGHT)
        said = length + 1
    if question.tool is not None:
        yield from _call(question.tool, rng)
        yield Token("mark", _END)
        return
    opening = "\n\n" if question.thinking else ""
    if question.answer is not None and not (question.ignore_eos or question.min_tokens > said):
        yield from (Token("content", piece) for piece in _pieces(iter((question.answer,)), opening))
        yield Token("mark", _END)
        return
    length = rng.randint(60, 200)
    if question.ignore_eos:
        length = question.max_tokens
    length = max(length, question.min_tokens - said)
    yield from (Token("content", piece) for piece in islice(_pieces(prose.answer(rng), opening), length))
    yield Token("mark", _END)


def _pieces(sentences: Iterator[str], opening: str = "") -> Iterator[str]:
    if opening:
        yield opening
    for sentence in sentences:
        yield from words.pieces(sentence)


def _call(tool: Mapping[str, Any], rng: random.Random) -> Iterator[Token]:
    function = tool.get("function", {})
    yield Token("mark", "<tool_call>")
    yield Token("tool_name", str(function.get("name", "")))
    schema = function.get("parameters") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    wanted = {name: _value(properties.get(name) or {}, rng) for name in schema.get("required") or properties}
    yield from (Token("tool_arguments", piece) for piece in words.pieces(json.dumps(wanted)))
    yield Token("mark", "</tool_call>")


def _value(schema: Mapping[str, Any], rng: random.Random) -> Any:
    """A value that the JSON schema of one parameter allows."""
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "integer":
            return rng.randint(1, 9)
        case "number":
            return float(rng.randint(1, 9))
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            return "UTC"


def _turn(message: Mapping[str, Any]) -> str:
    """A message as its turn in the prompt: tool calls are written as JSON."""
    calls = message.get("tool_calls")
    return text_of(message) + (json.dumps(calls) if calls else "")


def text_of(message: Mapping[str, Any]) -> str:
    """A message's text; content parts other than text are dropped, what a tool said is text."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(p.get("text") or p.get("content") or "") for p in content if isinstance(p, dict))
    return str(content or "")
