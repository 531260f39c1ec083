"""A chat's reply from the bytes of its stream: chunks, what was seen on the wire, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from nemotui.core.errors import FailedError
from nemotui.core.exchange import Ended, Received, Seen
from nemotui.core.model_server import ChatChunk, ToolCallDelta, Usage
from nemotui.core.plausible import MOST_OF_A_REQUEST, plausible
from nemotui.core.sse import DONE, SseDecoder
from nemotui.core.text import decoded, escaped, plain, plain_line

RAW_CHARACTERS = 1024 * 1024  # of one event, for the inspector
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_CALLS = 64  # a hostile index must not make us allocate
_LOGS = "See `nemotui logs` for what the server says."


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None  # the name before vLLM 0.12
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None  # in its place, of a server that does not stream
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    completion_tokens_details: _Details | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    object: Any = None
    message: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode


def _parse(event: str) -> _Event:
    return _decode_event(event.encode("utf-8", "replace"))


class ChatStream:
    """Fed with what was read; the chunks that it finished come back. `check` raises what was wrong with it all.

    An event that is not one of a chat does not end the reply: what comes after it is still taken in. `hide` takes
    secrets out of what is shown as it came. `over`: the server has said that nothing more comes.
    """

    def __init__(self, hide: Callable[[str], str] = lambda text: text) -> None:
        self.over = False
        self._hide = hide
        self._aside: list[str] = []
        # Bytes that are not UTF-8 stay what they are until they were seen.
        self._decoder = SseDecoder(errors="surrogateescape", aside=self._aside)
        self._finished = False
        self._wrong: FailedError | None = None
        self._whole = False
        self._unreadable, self._why = 0, ""
        self._not_utf8 = self._halves = 0

    def feed(self, data: bytes, at: float) -> list[ChatChunk]:
        """The chunks that these bytes finish, read at `at`."""
        try:
            return self._chunks(self._decoder.feed(data), at)
        except OverflowError as error:
            self._wrong = FailedError("malformed", f"the server's reply is not readable: {error}", _LOGS)
            return []

    def whole(self, body: bytes, at: float) -> list[ChatChunk]:
        """A JSON document in the place of a stream: the same answer, at once."""
        self._whole = True
        text = body.decode("utf-8", "surrogateescape")
        return [self._chunk(text, at, (received(text, at, "body", self._hide),))]

    def refused(self, body: bytes, at: float) -> list[ChatChunk]:
        """The body of a reply that is an error: only to be seen."""
        text = body.decode("utf-8", "surrogateescape")
        raw = received(text, at, "body", self._hide)
        return [ChatChunk(at=at, seen=(raw, Ended(at=at, how="the server refused")))]

    def end(self, at: float, broke: str = "") -> list[ChatChunk]:
        """No more bytes come: what was left unfinished, and how it ended; `broke` says what ended it too early."""
        unreadable = self._unreadable
        chunks = [] if self.over or self._whole else self._chunks(self._decoder.end(), at)
        if not self._finished:
            self._unreadable = unreadable  # half an event is what an early end looks like
        return [*chunks, self.ended(at, broke)]

    def ended(self, at: float, broke: str = "") -> ChatChunk:
        """Only how it ended."""
        how = broke or (DONE if self.over else "the server closed the stream")
        return ChatChunk(at=at, seen=(Ended(at=at, how=how, notes=self._notes(broke)),))

    @property
    def failed(self) -> bool:
        """Nothing more is to be waited for: the server has said that it broke off, or writes without end."""
        return self._wrong is not None

    def check(self) -> None:
        """Raise what was wrong with the reply, which has ended."""
        if self._wrong is not None:
            raise self._wrong
        if self._unreadable:
            events = "an event" if self._unreadable == 1 else f"{self._unreadable} events"
            what = f"the server sent {events} that {'is' if self._unreadable == 1 else 'are'} not one of a chat"
            raise FailedError("malformed", f"{what}: the answer has a hole there ({self._why})", _LOGS)
        if not self._finished and not self.over:
            raise FailedError("early_end", "the server ended the stream before the reply was finished", _LOGS)

    def _notes(self, broke: str) -> tuple[str, ...]:
        notes = []
        if self._whole:
            notes.append("The server sent the answer at once, not as a stream: its times say nothing of tokens.")
        elif self._finished and not self.over and not broke:
            notes.append(f"The server ended the stream without {DONE}.")
        if self.over and not self._finished and self._wrong is None:
            notes.append("The server gave no finish reason.")
        if self._not_utf8:
            bytes_ = "A byte was" if self._not_utf8 == 1 else f"{self._not_utf8} bytes were"
            notes.append(f"{bytes_} not UTF-8, shown as � (in the inspector as \\xNN).")
        if self._halves:
            halves = "Half a character" if self._halves == 1 else f"{self._halves} halves of characters"
            notes.append(f"{halves} came, shown as � (in the inspector as \\uNNNN).")
        return tuple(notes)

    def _chunks(self, events: list[str], at: float) -> list[ChatChunk]:
        chunks = []
        for event in events:
            chunks.append(self._chunk(event, at, (*self._asides(at), self._raw(event, at))))
            if self.over:
                break
        if self._aside:
            chunks.append(ChatChunk(at=at, seen=tuple(self._asides(at))))
        return chunks

    def _asides(self, at: float) -> list[Seen]:
        lines = [received(line, at, "line", self._hide) for line in self._aside]
        self._aside.clear()
        return [*lines]

    def _raw(self, event: str, at: float) -> Received:
        return received(event, at, "event", self._hide)

    def _chunk(self, event: str, at: float, seen: tuple[Seen, ...]) -> ChatChunk:
        if event == DONE:
            self.over = True
            return ChatChunk(at=at, seen=seen)
        if not event.isascii():
            event, replaced = _NOT_UTF8.subn("\ufffd", event)
            self._not_utf8 += replaced
        try:
            parsed, halves = decoded(_parse, event)
        except (msgspec.MsgspecError, RecursionError) as error:
            self._unreadable += 1
            self._why = plain_line(str(error))
            return ChatChunk(at=at, seen=seen)
        self._halves += halves
        told = parsed.message if parsed.error is None and parsed.object == "error" else parsed.error
        if told is not None:
            what = f"the server broke off: {error_message(told)}"
            self._wrong = self._wrong or FailedError("server_error", what, _LOGS)
        choice = parsed.choices[0] if parsed.choices else _Choice()
        delta = choice.delta or choice.message or _Delta()
        self._finished = self._finished or bool(choice.finish_reason)
        return ChatChunk(
            at=at,
            reasoning=plain(delta.reasoning or delta.reasoning_content or ""),
            content=plain(delta.content or ""),
            tool_calls=tuple(_tool_call(i, call) for i, call in enumerate(delta.tool_calls or ())),
            finish_reason=plain_line(choice.finish_reason) if choice.finish_reason else None,
            usage=_usage(parsed.usage),
            seen=seen,
        )


def received(text: str, at: float, kind: Any, hide: Callable[[str], str]) -> Received:
    """A piece as it came, safe to draw, the beginning of a very long one."""
    return Received(at=at, text=escaped(hide(text[:RAW_CHARACTERS])), size=len(text), kind=kind)


def error_message(error: object) -> str:
    """The words of `{"error": {"message": …}}`, of its inner part, or of anything else a server may send."""
    while isinstance(error, dict):
        error = error.get("error") or error.get("message") or error.get("detail") or str(error)
    return plain_line(str(error))


def _tool_call(position: int, call: _ToolCall) -> ToolCallDelta:
    function = call.function or _Function()
    index = position if call.index is None else call.index
    return ToolCallDelta(
        index=min(max(index, 0), _CALLS - 1),
        name=plain_line(function.name) if function.name else None,
        arguments=plain(function.arguments or ""),
    )


def _usage(usage: _Usage | None) -> Usage | None:
    """The counts, None where one of the two that must be there cannot be true."""
    if usage is None:
        return None
    prompt = plausible(usage.prompt_tokens, MOST_OF_A_REQUEST)
    completion = plausible(usage.completion_tokens, MOST_OF_A_REQUEST)
    if prompt is None or completion is None:
        return None
    details = usage.completion_tokens_details
    reasoning = plausible(details.reasoning_tokens, completion) if details else None
    return Usage(prompt_tokens=prompt, completion_tokens=completion, reasoning_tokens=reasoning)
