"""What the inspector is given: a request and its reply, bounded, with what was dropped counted."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.exchange import (
    HEAD_CHARACTERS,
    HEAD_PIECES,
    TAIL_CHARACTERS,
    TAIL_PIECES,
    Answered,
    Ended,
    Exchange,
    Received,
    Sent,
    followed,
)

SENT = Sent(at=1.0, method="POST", url="http://x/v1", headers=(), body="{}", size=2)


def event(size: int, at: float = 2.0) -> Received:
    return Received(at=at, text="x" * size, size=size)


def test_it_begins_with_the_request_and_grows() -> None:
    answered = Answered(at=1.5, status=200, reason="OK", headers=(("a", "b"),))
    ended = Ended(at=3.0, how="[DONE]", notes=("Odd.",))
    exchange = followed(None, (SENT, answered, event(3), ended))
    assert exchange is not None
    assert (exchange.sent, exchange.answered, exchange.ended) == (SENT, answered, ended)
    assert [piece.text for piece in exchange.head] == ["xxx"]
    assert (exchange.count, exchange.notes) == (1, ("Odd.",))
    assert followed(None, (event(3),)) is None


@given(st.lists(st.integers(0, 400_000), max_size=60))
def test_memory_is_bounded_and_every_piece_is_counted(sizes: list[int]) -> None:
    exchange = reduce(Exchange.after, map(event, sizes), Exchange(sent=SENT))
    assert sum(len(piece.text) for piece in exchange.head) <= HEAD_CHARACTERS
    assert sum(len(piece.text) for piece in exchange.tail) <= TAIL_CHARACTERS
    assert exchange.count == len(sizes)
    kept = sum(piece.size for piece in (*exchange.head, *exchange.tail))
    assert kept + exchange.dropped_characters == sum(sizes)


def test_many_small_pieces_keep_the_first_and_the_last() -> None:
    count = HEAD_PIECES + TAIL_PIECES + 10
    pieces = (Received(at=float(i), text=str(i), size=len(str(i))) for i in range(count))
    exchange = reduce(Exchange.after, pieces, Exchange(sent=SENT))
    assert (len(exchange.head), exchange.dropped, len(exchange.tail)) == (HEAD_PIECES, 10, TAIL_PIECES)
    assert (exchange.head[0].text, exchange.tail[-1].text) == ("0", str(count - 1))


def test_a_huge_event_is_cut_and_what_is_cut_is_known() -> None:
    exchange = reduce(Exchange.after, [event(10_000_000), event(5)], Exchange(sent=SENT))
    assert exchange.head[0].cut == 10_000_000 - HEAD_CHARACTERS
    assert [piece.text for piece in exchange.tail] == ["xxxxx"]


def test_an_old_one_is_let_go_and_its_pieces_are_still_counted() -> None:
    exchange = followed(None, (SENT, event(3), event(4), Ended(at=9.0, how="[DONE]", notes=("Odd.",))))
    assert exchange is not None
    gone = exchange.let_go()
    assert (gone.count, gone.dropped_characters, gone.head, gone.sent.body) == (2, 7, (), "")
    assert (gone.notes, gone.ended) == (exchange.notes, exchange.ended)
