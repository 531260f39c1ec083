"""One request to a server and what came back, byte for byte as far as it can be shown: what the inspector opens.

Every text in it is safe to draw already: control characters, and bytes that are not UTF-8, stand as escapes. No secret
is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

HEAD_CHARACTERS: Final = 1024 * 1024  # of what came, the beginning: about 5,000 events of one token each
HEAD_PIECES: Final = 8192
TAIL_CHARACTERS: Final = 128 * 1024  # and the end, where finish reason, counts and errors stand
TAIL_PIECES: Final = 512
BODY_CHARACTERS: Final = 4 * 1024 * 1024  # of what was sent
HIDDEN: Final = "(not shown)"  # in the place of a secret

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The request goes out. `size` is the whole body's length in characters, of which `body` may be the beginning."""

    at: float
    method: str
    url: str
    headers: Headers
    body: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The status line and the headers came."""

    at: float
    status: int
    reason: str
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A piece of the reply: an `event`'s data, another `line` of the stream (a comment, a name), or a `body`.

    `at` is the monotonic time in seconds right after its last bytes were read; `size` the characters that came, of
    which `text` may be the beginning.
    """

    at: float
    text: str
    size: int
    kind: Literal["event", "line", "body"] = "event"

    @property
    def cut(self) -> int:
        """Characters that are not kept, about: escapes make a text longer."""
        return max(0, self.size - len(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing more comes. `how` in words; `notes`: what a reader of the answer must know, a sentence each."""

    at: float
    how: str
    notes: tuple[str, ...] = ()


Seen: TypeAlias = Sent | Answered | Received | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its reply, growing: `after(seen)` gives the next.

    Memory is bounded: of what came the beginning (`head`) and the end (`tail`) are kept, and between them `dropped`
    pieces of `dropped_characters` in all are only counted. `answered` and `ended` are None until it is so; an exchange
    that we broke off never ends.
    """

    sent: Sent
    answered: Answered | None = None
    head: tuple[Received, ...] = ()
    tail: tuple[Received, ...] = ()
    head_characters: int = 0
    tail_characters: int = 0
    dropped: int = 0
    dropped_characters: int = 0
    ended: Ended | None = None

    def after(self, seen: Seen) -> Exchange:
        """This exchange with one more thing seen."""
        match seen:
            case Sent():
                return Exchange(sent=seen)
            case Answered():
                return replace(self, answered=seen)
            case Ended():
                return replace(self, ended=seen)
        room = HEAD_CHARACTERS - self.head_characters
        if not self.tail and not self.dropped and len(self.head) < HEAD_PIECES and (room >= seen.size or not self.head):
            kept = _cut(seen, HEAD_CHARACTERS)
            return replace(self, head=(*self.head, kept), head_characters=self.head_characters + len(kept.text))
        kept = _cut(seen, TAIL_CHARACTERS)
        tail = [*self.tail, kept]
        characters = self.tail_characters + len(kept.text)
        gone = 0
        while characters > TAIL_CHARACTERS or len(tail) - gone > TAIL_PIECES:
            characters -= len(tail[gone].text)
            gone += 1
        return replace(
            self,
            tail=tuple(tail[gone:]),
            tail_characters=characters,
            dropped=self.dropped + gone,
            dropped_characters=self.dropped_characters + sum(piece.size for piece in tail[:gone]),
        )

    def let_go(self) -> Exchange:
        """What went over the wire is only counted from now on: the memory of an old one is given back."""
        characters = self.dropped_characters + sum(piece.size for piece in (*self.head, *self.tail))
        return Exchange(
            sent=replace(self.sent, body=""),
            answered=self.answered,
            dropped=self.count,
            dropped_characters=characters,
            ended=self.ended,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the reply, a sentence each."""
        return self.ended.notes if self.ended else ()

    @property
    def count(self) -> int:
        """The pieces that came, dropped ones included."""
        return len(self.head) + self.dropped + len(self.tail)


def followed(exchange: Exchange | None, seen: tuple[Seen, ...]) -> Exchange | None:
    """The exchange after all of these; it begins with `Sent`."""
    for each in seen:
        if exchange is not None:
            exchange = exchange.after(each)
        elif isinstance(each, Sent):
            exchange = Exchange(sent=each)
    return exchange


def _cut(piece: Received, most: int) -> Received:
    return piece if len(piece.text) <= most else replace(piece, text=piece.text[:most])
