"""How the trust checks ask: greedy requests, whole or streamed, answers in one shape, none waited for for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from nemotui.core.chat import Mode, Reply, ToolCall, template_kwargs
from nemotui.core.errors import FailedError
from nemotui.core.model_server import ModelServer, Usage

CHAT: Final = "/v1/chat/completions"
MOST_TOKENS: Final = 2048  # thinking and answer: plenty for a short question
PATIENCE_S: Final = 180.0  # for a short answer; a server that is this slow cannot be told from one that hangs
LONG_PATIENCE_S: Final = 900.0  # for reading a whole context


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer. `content` None: null, or nothing of it in the stream. `total_tokens` stands in whole answers only."""

    reasoning: str = ""
    content: str | None = None
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    total_tokens: int | None = None

    @property
    def thinking_tokens(self) -> int:
        """As the server counts them, else about as many."""
        counted = self.usage.reasoning_tokens if self.usage else None
        return len(self.reasoning.split()) if counted is None else counted

    @property
    def words(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """What was said, without white space that a stream may break elsewhere."""
        calls = tuple((call.name, _spaced(call.arguments)) for call in self.calls)
        return _spaced(self.reasoning), _spaced(self.content or ""), calls

    @property
    def parts(self) -> tuple[bool, bool, tuple[str, ...], str | None]:
        """Which parts it has: another set of them is more than another wording."""
        return bool(self.reasoning), bool(self.content), tuple(call.name for call in self.calls), self.finish_reason


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one model of a server. `most_tokens` bounds thinking and answer together."""

    server: ModelServer
    model: str
    most_tokens: int = MOST_TOKENS

    def body(self, messages: Sequence[Mapping[str, Any]], mode: Mode, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The same words each time, as far as the server can."""
        return {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "temperature": 0,
            "max_tokens": self.most_tokens,
            "chat_template_kwargs": template_kwargs(mode),
            **fields,
        }

    async def streamed(self, messages: Sequence[Mapping[str, Any]], mode: Mode, **fields: Any) -> Said:
        """Raises `FailedError` for an answer that does not come, does not end, or is longer than was asked for."""
        body = self.body(messages, mode, {"stream": True, "stream_options": {"include_usage": True}, **fields})
        answer = Reply(mode=mode, sent_at=0.0)
        most = 2 * body["max_tokens"] + 64
        async with _patience(PATIENCE_S), aclosing(self.server.chat(body)) as chunks:
            async for chunk in chunks:
                answer = answer.after(chunk)
                if answer.token_chunks > most:
                    raise _endless(most, body["max_tokens"])
        return Said(
            reasoning=answer.reasoning,
            content=answer.content or None,
            calls=answer.tool_calls,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
        )

    async def whole(
        self, messages: Sequence[Mapping[str, Any]], mode: Mode, patience_s: float = PATIENCE_S, **fields: Any
    ) -> Said:
        """One JSON document. Raises `FailedError` for one that is no chat completion."""
        async with _patience(patience_s):
            return whole_answer(await self.server.post(CHAT, self.body(messages, mode, fields)))

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Any other endpoint."""
        async with _patience(PATIENCE_S):
            return await self.server.post(path, {"model": self.model, **body})

    async def events(self, path: str, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The events of any other endpoint's stream. Raises `FailedError` as `streamed` does."""
        most = 4 * self.most_tokens + 64
        found: list[Mapping[str, Any]] = []
        async with _patience(PATIENCE_S), aclosing(self.server.events(path, {"model": self.model, **body})) as events:
            async for event in events:
                found.append(event)
                if len(found) > most:
                    raise _endless(most, self.most_tokens)
        return found


def _endless(pieces: int, tokens: int) -> FailedError:
    fix = "Something between here and the model does not pass max_tokens on."
    return FailedError("endless", f"more than {pieces} pieces came for {tokens} tokens", fix)


@asynccontextmanager
async def _patience(seconds: float) -> AsyncGenerator[None, None]:
    """`asyncio.timeout`, in words that a check can show."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        what = f"no whole answer came within {seconds:.0f} s"
        raise FailedError("too_slow", what, "See `nemotui status` and `nemotui logs`: busy, or hung?") from None


def whole_answer(document: Mapping[str, Any]) -> Said:
    """A chat completion; what is missing or of another kind in it counts as not there.

    Raises `FailedError` where there is no choice at all.
    """
    choice = _first(document.get("choices"))
    if choice is None:
        raise FailedError("malformed", "the reply is no chat completion: it has no choices")
    message = mapping_of(choice.get("message"))
    content = message.get("content")
    calls = [mapping_of(mapping_of(call).get("function")) for call in _list(message.get("tool_calls"))]
    usage = mapping_of(document.get("usage"))
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    thought = _count(mapping_of(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    counted = prompt is not None and completion is not None
    return Said(
        reasoning=_text(message.get("reasoning")) or _text(message.get("reasoning_content")),
        content=content.lstrip("\n") or None if isinstance(content, str) else None,
        calls=tuple(ToolCall(name=_text(c.get("name")), arguments=_text(c.get("arguments"))) for c in calls),
        finish_reason=_text(choice.get("finish_reason")) or None,
        usage=Usage(prompt_tokens=prompt or 0, completion_tokens=completion or 0, reasoning_tokens=thought)
        if counted
        else None,
        total_tokens=_count(usage.get("total_tokens")),
    )


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _first(value: object) -> Mapping[str, Any] | None:
    found = _list(value)
    return mapping_of(found[0]) if found else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def mapping_of(value: object) -> Mapping[str, Any]:
    """What a server has put where an object should stand, empty where it is none."""
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
