"""Server-sent events from bytes that arrive split anywhere: one decoder for the chat and for the load generator."""

from __future__ import annotations

import codecs
import re

_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")

DONE = "[DONE]"


class SseDecoder:
    """Feed bytes, get the `data` of each finished event.

    LF, CRLF and CR end a line; a byte order mark at the beginning is none of it; several `data` lines are joined with
    a newline; comments and other fields go to `aside`, a line each, or are dropped. Bytes that are not UTF-8 become
    U+FFFD, or what `errors` makes of them. `limit` bounds an unfinished event in characters; a longer one raises
    `OverflowError`, when no event is left to be returned before.
    """

    def __init__(
        self, limit: int = 32 * 1024 * 1024, *, errors: str = "replace", aside: list[str] | None = None
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors)
        self._limit = limit
        self._aside = aside
        self._begun = False
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
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
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
            elif self._aside is not None:
                self._aside.append(line)
        self._size = 0
        self._grow(len(rest) + sum(map(len, self._data)), waits=bool(events))
        return events

    def _grow(self, by: int, *, waits: bool = False) -> None:
        self._size += by
        if self._size > self._limit and not waits:
            raise OverflowError(f"a server-sent event is longer than {self._limit} characters")
