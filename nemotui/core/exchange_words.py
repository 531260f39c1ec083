"""An exchange for the eye: a line of time for each piece, the gist of it, the whole of it, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from nemotui.core.exchange import Answered, Ended, Exchange, Headers, Received, Sent
from nemotui.core.sse import DONE

_GIST: Final = 400  # characters of a text that stand in a line
_PARSED: Final = 64 * 1024  # characters from which on an event is not looked into for its gist


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """In the place of the pieces that are not kept."""

    count: int
    characters: int


Piece: TypeAlias = Sent | Answered | Received | Dropped | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One piece. `number` counts the pieces of the reply from 1, None for what is none; milliseconds from the request.

    `gap_ms`: since the piece before; None where that is not known.
    """

    piece: Piece
    number: int | None = None
    at_ms: float | None = None
    gap_ms: float | None = None


def lines(exchange: Exchange) -> list[Line]:
    """The request, the head of the reply, each piece of it that is kept, and its end, in the order of their times."""
    return list(_lines(exchange))


def _lines(exchange: Exchange) -> Iterator[Line]:
    begun = before = exchange.sent.at
    yield Line(piece=exchange.sent, at_ms=0.0)
    if exchange.answered is not None:
        at = exchange.answered.at
        yield Line(piece=exchange.answered, at_ms=_ms(at - begun), gap_ms=_ms(at - before))
        before = at
    known = True
    for number, piece in enumerate(exchange.head, 1):
        yield Line(piece=piece, number=number, at_ms=_ms(piece.at - begun), gap_ms=_ms(piece.at - before))
        before = piece.at
    if exchange.dropped:
        yield Line(piece=Dropped(count=exchange.dropped, characters=exchange.dropped_characters))
        known = False
    for number, piece in enumerate(exchange.tail, len(exchange.head) + exchange.dropped + 1):
        gap = _ms(piece.at - before) if known else None
        yield Line(piece=piece, number=number, at_ms=_ms(piece.at - begun), gap_ms=gap)
        before, known = piece.at, True
    if exchange.ended is not None:
        at = exchange.ended.at
        yield Line(piece=exchange.ended, at_ms=_ms(at - begun), gap_ms=_ms(at - before) if known else None)


def _ms(seconds: float) -> float:
    return seconds * 1e3


def gist(piece: Piece) -> str:
    """What a piece says, in a line: of an event what it brings, not the fields that all of them have."""
    match piece:
        case Sent():
            return f"{piece.method} {urlsplit(piece.url).path}, {piece.size:,} characters"
        case Answered():
            kind = next((value for name, value in piece.headers if name.lower() == "content-type"), "")
            return " · ".join(part for part in (f"{piece.status} {piece.reason}".strip(), kind) if part)
        case Dropped():
            return f"{piece.count:,} events, {piece.characters:,} characters, are not kept"
        case Ended():
            return f"end: {piece.how}"
    if piece.kind != "event" or piece.text == DONE or len(piece.text) > _PARSED:
        return _short(piece.text)
    try:
        document = json.loads(piece.text)
    except (ValueError, RecursionError):
        return f"not JSON: {_short(piece.text)}"
    parts = list(_brings(document)) if isinstance(document, dict) else []
    return _short(" · ".join(parts)) if parts else _short(piece.text)


def _brings(event: Mapping[str, Any]) -> Iterator[str]:
    """What one event of a chat's stream brings."""
    if event.get("error") is not None:
        yield f"error {_json(event['error'])}"
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if not isinstance(choice, dict):
            continue
        delta = choice.get("delta")
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if value not in (None, "", []):
                yield f"{name} {_json(value)}"
        if choice.get("finish_reason"):
            yield f"finish_reason {_json(choice['finish_reason'])}"
    if event.get("usage"):
        yield f"usage {_json(event['usage'])}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    line = text[:_GIST].replace("\n", "⏎")
    return line if len(text) <= _GIST else f"{line}…"


def whole(piece: Piece, *, raw: bool) -> str:
    """All that is kept of a piece, with its headers; JSON indented unless it is wanted `raw`, as it came."""
    match piece:
        case Sent():
            return "\n".join(
                [f"{piece.method} {piece.url}", *_heads(piece.headers), "", _body(piece.body, raw)]
            ) + _cut(piece.size - len(piece.body))
        case Answered():
            return "\n".join([f"{piece.status} {piece.reason}", *_heads(piece.headers)])
        case Received():
            return (piece.text if raw else _body(piece.text, raw)) + _cut(piece.cut)
        case _:
            return gist(piece)


def _heads(headers: Headers) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


def _body(text: str, raw: bool) -> str:
    if raw or text[:1] not in ("{", "["):
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _cut(characters: int) -> str:
    return f"\n\n… {characters:,} more characters came and are not kept." if characters > 0 else ""


def as_text(exchange: Exchange) -> str:
    """All of it, a line a piece, with milliseconds from the request and from the piece before."""
    said = [summary(exchange), *exchange.notes, *whole(exchange.sent, raw=True).split("\n"), ""]
    said += whole(exchange.answered, raw=True).split("\n") if exchange.answered else []
    for line in lines(exchange):
        if not isinstance(line.piece, Sent | Answered):
            at, gap = (f"{ms:,.1f}" if ms is not None else "" for ms in (line.at_ms, line.gap_ms))
            said.append(f"{line.number or '':>6} {at:>10} {gap:>9} {whole(line.piece, raw=True)}")
    return "\n".join(said)


def summary(exchange: Exchange) -> str:
    """How it went, in a line."""
    answered, ended = exchange.answered, exchange.ended
    parts = [
        f"{answered.status} {answered.reason}".strip() if answered else "no reply yet" if not ended else "no reply"
    ]
    pieces = (*exchange.head, *exchange.tail)
    if pieces:
        first, last = pieces[0].at, pieces[-1].at
        events = "1 event" if exchange.count == 1 else f"{exchange.count:,} events"
        parts.append(f"{events}, the first after {_ms(first - exchange.sent.at):,.0f} ms")
        if exchange.count > 1:
            parts.append(f"one in {_ms(last - first) / (exchange.count - 1):,.1f} ms")
    if exchange.dropped:
        parts.append(f"{exchange.dropped:,} not kept")
    parts.append(ended.how if ended else "no end yet, or broken off here")
    return " · ".join(parts)


def as_json(exchange: Exchange) -> dict[str, Any]:
    """The exchange as scripts get it; times in milliseconds from the request."""
    sent, answered, ended = exchange.sent, exchange.answered, exchange.ended
    return {
        "request": {
            "method": sent.method,
            "url": sent.url,
            "headers": [list(header) for header in sent.headers],
            "body": sent.body,
        },
        "response": answered
        and {
            "at_ms": _ms(answered.at - sent.at),
            "status": answered.status,
            "reason": answered.reason,
            "headers": [list(header) for header in answered.headers],
        },
        "events": [
            {
                "number": line.number,
                "at_ms": line.at_ms,
                "gap_ms": line.gap_ms,
                "kind": line.piece.kind,
                "text": line.piece.text,
                "characters": line.piece.size,
            }
            for line in lines(exchange)
            if isinstance(line.piece, Received)
        ],
        "dropped": exchange.dropped,
        "dropped_characters": exchange.dropped_characters,
        "end": ended and {"at_ms": _ms(ended.at - sent.at), "how": ended.how},
        "notes": list(exchange.notes),
    }
