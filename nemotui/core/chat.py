"""The chat: reasoning modes as request bodies, and one reply as a stream of deltas with its times.

Modes as Nemotron 3's chat template takes them (`chat_template_kwargs` at the top level of the body); sampling is the
model card's recommendation for every mode. `reasoning_effort` is never sent: vLLM understands it as something else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal

from nemotui.core.exchange import Exchange, followed
from nemotui.core.model_server import ChatChunk, ModelServer, Usage
from nemotui.core.ports import Clock

Mode = Literal["full", "low", "off"]
MODES: tuple[Mode, ...] = ("full", "low", "off")

_TEMPLATE_KWARGS: Mapping[Mode, Mapping[str, bool]] = {
    "full": {"enable_thinking": True},
    "low": {"enable_thinking": True, "low_effort": True},
    "off": {"enable_thinking": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn; `reasoning` is the thinking that came before an assistant's `content` and is not sent back."""

    role: Literal["system", "user", "assistant"]
    content: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sampling parameters; the defaults are the model card's, in every mode.

    `thinking_token_budget` ends the thinking after so many tokens; a server needs a reasoning parser for it.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    max_tokens: int | None = None
    seed: int | None = None
    thinking_token_budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """How the next answers are asked for. `system` is the system prompt, empty for none."""

    mode: Mode = "full"
    system: str = ""
    sampling: Sampling = Sampling()


def template_kwargs(mode: Mode) -> dict[str, bool]:
    """The `chat_template_kwargs` that put the model into a mode."""
    return dict(_TEMPLATE_KWARGS[mode])


def chat_body(model: str, messages: Sequence[Message], mode: Mode, sampling: Sampling) -> dict[str, Any]:
    """The JSON body of a streaming /v1/chat/completions request."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "chat_template_kwargs": template_kwargs(mode),
    }
    for name in ("max_tokens", "seed", "thinking_token_budget"):
        if (value := getattr(sampling, name)) is not None:
            body[name] = value
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call as the server's parser took it out of the text; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, growing: `after(chunk)` gives the next. Times are monotonic seconds, counted from `sent_at`.

    `exchange` is the same on the wire; there is one as soon as the request goes out.
    `thinking_chunks` are the token chunks before the answer began.
    """

    mode: Mode
    sent_at: float
    reasoning: str = ""
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    first_token_at: float | None = None
    first_answer_at: float | None = None
    last_token_at: float | None = None
    token_chunks: int = 0
    thinking_chunks: int = 0
    exchange: Exchange | None = None

    def after(self, chunk: ChatChunk) -> Reply:
        """This reply with one more chunk taken in."""
        calls = list(self.tool_calls)
        for delta in chunk.tool_calls:
            while len(calls) <= delta.index:
                calls.append(ToolCall(name="", arguments=""))
            call = calls[delta.index]
            calls[delta.index] = ToolCall(
                name=call.name + (delta.name or ""), arguments=call.arguments + delta.arguments
            )
        content = self.content + chunk.content
        if not self.content:
            content = content.lstrip("\n")  # after thinking the answer begins with two newlines
        answer_starts = self.first_answer_at is None and bool(chunk.content or chunk.tool_calls)
        return replace(
            self,
            reasoning=self.reasoning + chunk.reasoning,
            content=content,
            tool_calls=tuple(calls),
            finish_reason=chunk.finish_reason or self.finish_reason,
            usage=chunk.usage or self.usage,
            first_token_at=chunk.at if self.first_token_at is None and chunk.has_token else self.first_token_at,
            first_answer_at=chunk.at if answer_starts else self.first_answer_at,
            last_token_at=chunk.at if chunk.has_token else self.last_token_at,
            token_chunks=self.token_chunks + chunk.has_token,
            thinking_chunks=self.thinking_chunks
            + (chunk.has_token and not answer_starts and self.first_answer_at is None),
            exchange=followed(self.exchange, chunk.seen),
        )

    def from_zero(self) -> Reply:
        """The same as it is stored: its times counted from when it was asked for, without what went over the wire."""
        zero = self.sent_at
        first, answer, last = (
            None if at is None else at - zero for at in (self.first_token_at, self.first_answer_at, self.last_token_at)
        )
        return replace(
            self, sent_at=0.0, first_token_at=first, first_answer_at=answer, last_token_at=last, exchange=None
        )

    def without_wire(self) -> Reply:
        """The same, with what went over the wire only counted: of an old one nobody looks at it."""
        return self if self.exchange is None else replace(self, exchange=self.exchange.let_go())

    @property
    def begun(self) -> bool:
        """Something of the answer came: a token, its end, or its counts."""
        return bool(self.first_token_at is not None or self.finish_reason or self.usage)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about how it came, a sentence each."""
        return self.exchange.notes if self.exchange else ()

    @property
    def ttft_ms(self) -> float | None:
        """Time to the first token of any kind; thinking counts."""
        return None if self.first_token_at is None else (self.first_token_at - self.sent_at) * 1e3

    @property
    def ttfa_ms(self) -> float | None:
        """Time to the first token of the answer."""
        return None if self.first_answer_at is None else (self.first_answer_at - self.sent_at) * 1e3

    @property
    def thinking_s(self) -> float | None:
        """Seconds from the first token to the first of the answer, or to the last so far."""
        if self.first_token_at is None or self.last_token_at is None:
            return None
        end = self.last_token_at if self.first_answer_at is None else self.first_answer_at
        return end - self.first_token_at

    @property
    def answer_tokens(self) -> int | None:
        """Tokens of the answer; None where the server does not say how many were thinking."""
        if self.usage is None or self.usage.reasoning_tokens is None:
            return None
        return self.usage.completion_tokens - self.usage.reasoning_tokens

    @property
    def mean_itl_ms(self) -> float | None:
        """Mean gap between token chunks."""
        if self.first_token_at is None or self.last_token_at is None or self.token_chunks < 2:
            return None
        return (self.last_token_at - self.first_token_at) * 1e3 / (self.token_chunks - 1)

    @property
    def tokens_per_second(self) -> float | None:
        """Completion tokens after the first over the time from the first to the last; needs the server's usage."""
        if self.usage is None or self.first_token_at is None or self.last_token_at is None:
            return None
        seconds = self.last_token_at - self.first_token_at
        return (self.usage.completion_tokens - 1) / seconds if seconds > 0 else None

    def as_json(self) -> dict[str, Any]:
        """The fields of `nemotui chat --json`."""
        usage = self.usage
        return {
            "mode": self.mode,
            "reasoning": self.reasoning,
            "content": self.content,
            "tool_calls": [{"name": call.name, "arguments": call.arguments} for call in self.tool_calls],
            "finish_reason": self.finish_reason,
            "usage": None
            if usage is None
            else {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "reasoning_tokens": usage.reasoning_tokens,
            },
            "ttft_ms": self.ttft_ms,
            "ttfa_ms": self.ttfa_ms,
            "mean_itl_ms": self.mean_itl_ms,
            "tokens_per_second": self.tokens_per_second,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDelta:
    """What arrived just now, and the whole reply so far."""

    reasoning: str
    content: str
    reply: Reply


async def reply(
    server: ModelServer, model: str, messages: Sequence[Message], mode: Mode, sampling: Sampling, clock: Clock
) -> AsyncGenerator[ChatDelta, None]:
    """Ask, and follow the answer. The last delta holds the whole reply, usage included.

    Raises what `ModelServer.chat` raises; what had arrived by then has been yielded.
    """
    answer = Reply(mode=mode, sent_at=clock.monotonic())
    async with aclosing(server.chat(chat_body(model, messages, mode, sampling))) as chunks:
        async for chunk in chunks:
            before = answer
            answer = answer.after(chunk)
            yield ChatDelta(reasoning=chunk.reasoning, content=answer.content[len(before.content) :], reply=answer)
