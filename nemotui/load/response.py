"""One HTTP reply from bytes that arrive split anywhere: the events of its stream, or what is wrong with it."""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from nemotui.core.sse import SseDecoder
from nemotui.load.reply import RequestError, http_error

ERROR_BODY_BYTES = 64 * 1024
_HEAD_BYTES = 64 * 1024
_EVENT_CHARACTERS = 4 * 1024 * 1024


class Response:
    """Fed with what was read; each finished event comes back. Raises `RequestError`.

    `complete`: its end has come. `between_chunks`: what comes next is an HTTP chunk that begins an event, so a reader
    who sees that a whole one came, with a whole event, need not feed it.
    """

    def __init__(self) -> None:
        self.complete = False
        self.between_chunks = False
        self._parser = HttpResponseParser(self)
        self._decoder = SseDecoder(_EVENT_CHARACTERS)
        self._events: list[str] = []
        self._error_body = b""
        self._status = 0
        self._head_bytes = 0
        self._in_body = self._in_chunk = self._chunked = self._sized = self._started = False
        self._keep_alive = False
        self._kind = ""

    def feed(self, data: bytes) -> list[str]:
        """The events that these bytes finish."""
        if not self._in_body:
            self._head_bytes += len(data)
        self._events = []
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if isinstance(error.__context__, OverflowError):
                raise RequestError("malformed", str(error.__context__)) from None
            if not self.complete:
                raise RequestError("malformed", f"the reply is not HTTP: {error}") from None
        if self._head_bytes > _HEAD_BYTES and not self._in_body:
            raise RequestError("malformed", "the reply's head has no end")
        if self._status != 200 and (self.complete or len(self._error_body) > ERROR_BODY_BYTES):
            raise http_error(self._status, self._error_body[:ERROR_BODY_BYTES])
        self.between_chunks = (
            self._chunked and self._in_body and not self._in_chunk and self._status == 200
        ) and self._decoder.between_events
        return self._events

    def closed(self) -> list[str]:
        """The other end has closed: the end of a reply that has no other, else too early. The last events."""
        if not self._started:
            raise RequestError("reset", "the connection broke before a reply")
        if self._status not in (0, 200):
            raise http_error(self._status, self._error_body[:ERROR_BODY_BYTES])
        if not self._in_body or self._chunked or self._sized:
            raise RequestError("early_end", "the connection was closed in the middle of the reply")
        self.complete = True
        return self._decoder.end()

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request: the reply had an end of its own and said nothing else."""
        return self.complete and (self._chunked or self._sized) and self._keep_alive

    @property
    def words(self) -> str | None:
        """What it is instead of an event stream; None where it is one or does not say."""
        return None if not self._kind or "event-stream" in self._kind else self._kind

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._started = True

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"transfer-encoding":
                self._chunked = b"chunked" in value.lower()
            case b"content-length":
                self._sized = True
            case b"content-type":
                self._kind = value.decode("latin-1").lower()

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self._status >= 200:
            self._in_body = True

    def on_body(self, body: bytes) -> None:
        if self._status == 200:
            self._events += self._decoder.feed(body)
        elif len(self._error_body) <= ERROR_BODY_BYTES:
            self._error_body += body

    def on_chunk_header(self) -> None:
        self._in_chunk = True

    def on_chunk_complete(self) -> None:
        self._in_chunk = False

    def on_message_complete(self) -> None:
        if self._status >= 200:  # and not one of those that only announce the reply
            self.complete = True
            self._keep_alive = self._parser.should_keep_alive()  # to be asked here: later it is that of the next
