"""One streamed reply, event by event: what it said, and when."""

from __future__ import annotations

from array import array

import msgspec

from nemotui.core.bench import Failure, FailureKind, RequestRecord
from nemotui.core.plausible import MOST_OF_A_REQUEST, plausible
from nemotui.core.sse import DONE
from nemotui.core.text import decoded, plain_line
from nemotui.load.report import Fresh

MESSAGE_LENGTH = 300
MOST_CHUNKS = 4 * 1024 * 1024  # more than the longest context of any model has tokens; a reply without end ends here


class RequestError(Exception):
    """A request that failed, by kind."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(kind=kind, message=plain_line(message, limit=MESSAGE_LENGTH))


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Error(msgspec.Struct):
    message: str = ""
    code: int | str | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Error | str | None = None


class _ErrorBody(msgspec.Struct):
    """Of an error reply; vLLM of old had no `error` around it."""

    error: _Error | str | None = None
    message: str = ""


_decode = msgspec.json.Decoder(_Event).decode
_decode_error = msgspec.json.Decoder(_ErrorBody).decode


class Reply:
    """Takes the events of one reply with their times (monotonic ns) and makes the record of it."""

    def __init__(self, fresh: Fresh) -> None:
        self._fresh = fresh
        self.sent_ns: int | None = None
        self.first_byte_ns: int | None = None
        self.connect_ns: int | None = None
        self.coalesced = 0
        self._token_ns = array("q")
        self._other_ns = array("q")
        self._last_ns = 0  # of the last token chunk, or when it was sent
        self._content_ns: int | None = None
        self._finish_ns: int | None = None
        self._end_ns: int | None = None
        self._finish_reason: str | None = None
        self._usage = _Usage()
        self._done = False

    @property
    def token_chunks(self) -> int:
        """So far."""
        return len(self._token_ns)

    @property
    def plain(self) -> bool:
        """Whether the events so far said nothing but tokens: no end, no usage."""
        return self._finish_reason is None and self._usage.completion_tokens is None and not self._done

    def sent(self, at_ns: int) -> None:
        """Its first byte is about to go out on a connected socket."""
        self.sent_ns = self._last_ns = at_ns
        self._fresh.sent += 1

    def token(self, at_ns: int) -> None:
        """A token chunk; the path of nearly all of them."""
        if at_ns < self._last_ns:
            at_ns = self._last_ns  # the clock was set
        if self._token_ns:
            self._fresh.gaps_us.append((at_ns - self._last_ns) // 1000)
        else:
            self._fresh.streaming += 1
            self._fresh.ttft_us.append((at_ns - self._last_ns) // 1000)
        self._token_ns.append(at_ns)
        self._last_ns = at_ns

    def event(self, data: str, at_ns: int) -> None:
        """The next event of the stream. Raises `RequestError` when it is not what it should be, or is an error."""
        if data == DONE:
            self._done = True
            return
        try:
            event, _ = decoded(_decode, data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RequestError("malformed", f"an event is not a chat chunk: {error}") from None
        if event.error is not None:
            raise _in_band(event.error)
        at_ns = max(at_ns, self._last_ns)
        self._end_ns = at_ns
        if event.usage is not None:
            self._usage = event.usage
        if event.choices:
            self._chunk(event.choices[0], at_ns)
        if len(self._token_ns) > MOST_CHUNKS or len(self._other_ns) > MOST_CHUNKS:
            raise RequestError("malformed", f"the reply has more than {MOST_CHUNKS:,} chunks")

    def _chunk(self, choice: _Choice, at_ns: int) -> None:
        delta = choice.delta
        content = choice.text if delta is None else delta.content
        if content or (delta is not None and (delta.reasoning or delta.reasoning_content or delta.tool_calls)):
            self.token(at_ns)
            if content and self._content_ns is None:
                self._content_ns = at_ns
        else:
            self._other_ns.append(at_ns)
        if choice.finish_reason is not None:
            self._finish_reason = choice.finish_reason
            self._finish_ns = at_ns

    def coalesce(self, tokens: int) -> None:
        """One read brought so many token chunks: all but the last have lost their time."""
        if tokens > 1:
            self.coalesced += tokens - 1
            self._fresh.coalesced += tokens - 1

    def end(self) -> None:
        """The stream is over. Raises `RequestError` when it ended too early."""
        if not self._token_ns:
            raise RequestError("early_end", "the stream ended without a token")
        if self._finish_reason is None and not self._done:
            raise RequestError("early_end", "the stream ended in the middle")

    def record(self, index: int, scheduled_s: float, clock_ns: int, failure: Failure | None) -> RequestRecord:
        """What became of it; `clock_ns` is when the run's clock started. The reply is over after this."""
        self._fresh.sent -= self.sent_ns is not None
        self._fresh.streaming -= bool(self._token_ns)
        connect_us = None if self.connect_ns is None else self.connect_ns // 1000
        sent_ns = self.sent_ns
        if sent_ns is None:
            return RequestRecord(index=index, scheduled_s=scheduled_s, connect_us=connect_us, failure=failure)

        def us(at_ns: int | None) -> int | None:
            return None if at_ns is None else (at_ns - sent_ns) // 1000

        first, last = (self._token_ns[0], self._token_ns[-1]) if self._token_ns else (None, None)
        details_in, details_out = self._usage.prompt_tokens_details, self._usage.completion_tokens_details
        prompt_tokens = plausible(self._usage.prompt_tokens, MOST_OF_A_REQUEST)
        completion_tokens = plausible(self._usage.completion_tokens, MOST_OF_A_REQUEST)
        return RequestRecord(
            index=index,
            scheduled_s=scheduled_s,
            sent_s=(sent_ns - clock_ns) / 1e9,
            ttfb_us=us(self.first_byte_ns),
            ttft_us=us(first),
            ttfa_us=us(self._content_ns),
            e2el_us=us(max(filter(None, (last, self._finish_ns)), default=None)),
            # The last chunk may have come by the fast path, which knows of no end.
            end_us=us(max(filter(None, (last, self._end_ns)), default=None)),
            token_us=tuple((at - sent_ns) // 1000 for at in self._token_ns),
            other_us=tuple((at - sent_ns) // 1000 for at in self._other_ns),
            coalesced=self.coalesced,
            connect_us=connect_us,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            reasoning_tokens=plausible(details_out.reasoning_tokens, MOST_OF_A_REQUEST) if details_out else None,
            cached_tokens=plausible(details_in.cached_tokens, MOST_OF_A_REQUEST) if details_in else None,
            finish_reason=self._finish_reason and plain_line(self._finish_reason, limit=MESSAGE_LENGTH),
            failure=failure,
        )


def http_error(status: int, body: bytes) -> RequestError:
    """A reply other than 200, with the words of its body."""
    try:
        reply = _decode_error(body)
        message = (reply.error.message if isinstance(reply.error, _Error) else reply.error) or reply.message
    except (msgspec.DecodeError, RecursionError):
        message = body.decode("utf-8", "replace")
    return RequestError("http_4xx" if status < 500 else "http_5xx", f"HTTP {status}: {message}")


def _in_band(error: _Error | str) -> RequestError:
    """An error in the middle of a stream carries its status, if at all, as `code`."""
    if isinstance(error, str):
        return RequestError("http_5xx", error)
    client = str(error.code).startswith("4")
    return RequestError("http_4xx" if client else "http_5xx", error.message or f"error {error.code}")
