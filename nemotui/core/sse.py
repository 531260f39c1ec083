"""Server-sent events from bytes that arrive split anywhere: one decoder for the chat and for the load generator."""

from __future__ import annotations

import codecs
import re

_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")

DONE = "[DONE]"


class SseDecoder:
    """Feed bytes, get the `data` of each finished event.

    LF, CRLF and CR end a line; comments and fields other than `data` are dropped; several `data` lines are joined
    with a newline; bytes that are not UTF-8 become U+FFFD. `limit` bounds an unfinished event in characters; a longer
    one raises `OverflowError`.
    """

    def __init__(self, limit: int = 32 * 1024 * 1024) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._limit = limit
        self._rest: list[str] = []  # pieces of the unfinished line
        self._data: list[str] = []  # `data` lines of the unfinished event
        self._size = 0

    @property
    def between_events(self) -> bool:
        """Whether nothing is unfinished: the next byte begins an event."""
        return not self._size and not self._decoder.getstate()[0]

    def feed(self, chunk: bytes) -> list[str]:
        """The events that this chunk finished, in order."""
        return self._take(self._decoder.decode(chunk))

    def end(self) -> list[str]:
        """The stream is over: what was left unfinished, as an event when it holds data, so that nothing is lost."""
        return self._take(self._decoder.decode(b"", final=True) + "\n\n")

    def _take(self, text: str) -> list[str]:
        if not _LINE_END.search(text) and "\r" not in text:
            # The start of a very long event: keep the piece, search it once, when its end has come.
            self._rest.append(text)
            self._grow(len(text))
            return []
        *lines, rest = _LINE_END.split("".join(self._rest) + text)
        self._rest = [rest]
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append("\n".join(self._data))
                    self._data = []
            elif line.startswith("data"):
                field, _, value = line.partition(":")
                if field == "data":
                    self._data.append(value.removeprefix(" "))
        self._size = 0
        self._grow(len(rest) + sum(map(len, self._data)))
        return events

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > self._limit:
            raise OverflowError(f"a server-sent event is longer than {self._limit} characters")
