"""The decoder gives the same events however the bytes are split."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.sse import SseDecoder

STREAM = (
    'data: {"a": 1}\n\n: comment\r\ndata: two\r\ndata: lines\r\n\r\nevent: x\rdata:é€𝄞\r\rdata: [DONE]\n\n'.encode()
)
EVENTS = ['{"a": 1}', "two\nlines", "é€𝄞", "[DONE]"]


def decode(chunks: list[bytes]) -> list[str]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.end()


def test_one_read() -> None:
    assert decode([STREAM]) == EVENTS


def test_byte_by_byte() -> None:
    assert decode([bytes([b]) for b in STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_split(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    assert decode([STREAM[a:b] for a, b in itertools.pairwise(at)]) == EVENTS


def test_an_unfinished_event_is_not_lost() -> None:
    assert decode([b"data: {}\n\ndata: cut off"]) == ["{}", "cut off"]


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert decode([b"data: \xff\xfe!\n\n"]) == ["��!"]


def test_an_endless_event_is_refused() -> None:
    decoder = SseDecoder(limit=1000)
    decoder.feed(b"data: " + b"x" * 900)
    with pytest.raises(OverflowError, match="longer than 1000"):
        decoder.feed(b"x" * 100)


def test_a_long_event_in_small_pieces_is_one_event() -> None:
    pieces = [b"data: ", *[b"y" * 1000] * 2000, b"\n\n"]
    assert decode(pieces) == ["y" * 2_000_000]
