"""HTTP replies whose bytes arrive split anywhere, and the shortcut past their parser."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.load.pattern import Pattern
from nemotui.load.reply import Reply, RequestError
from nemotui.load.report import Fresh
from nemotui.load.response import Response

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def chunk(*events: str, end: str = "\n\n") -> bytes:
    body = "".join(f"data: {event}{end}" for event in events).encode()
    return b"%x\r\n%b\r\n" % (len(body), body)


def token(text: str, field: str = "content", finish: str = "null") -> str:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
        f'{{"{field}":"{text}"}},"logprobs":null,"finish_reason":{finish},"token_ids":null}}]}}'
    )


def events_of(pieces: list[bytes]) -> tuple[list[str], Response]:
    response, events = Response(), list[str]()
    for piece in pieces:
        events += response.feed(piece)
    return events, response


WHOLE = b"".join(
    (
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
        CHUNKED,
        chunk("a"),
        b"c;ext=1\r\n: a comment\n\r\n",
        b"2\r\n\r\n\r\n",
        chunk("b", "é"),
        chunk("c\r\ndata: d", end="\r\n\r\n"),
        chunk("[DONE]"),
        b"0\r\ntrailer: x\r\n\r\n",
    )
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_split_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    events, response = events_of([WHOLE[a:b] for a, b in itertools.pairwise(edges) if a < b])
    assert events == ["a", "b", "é", "c\nd", "[DONE]"]
    assert (response.complete, response.reusable) == (True, True)


def test_every_byte_by_itself() -> None:
    events, response = events_of([bytes([byte]) for byte in WHOLE])
    assert events == ["a", "b", "é", "c\nd", "[DONE]"]
    assert response.complete


def test_a_reply_of_known_length() -> None:
    body = b"data: a\n\ndata: [DONE]\n\n"
    events, response = events_of([OK + b"content-length: %d\r\n\r\n" % len(body) + body[:5], body[5:]])
    assert (events, response.complete, response.reusable) == (["a", "[DONE]"], True, True)


def test_a_reply_that_ends_with_its_connection() -> None:
    events, response = events_of([OK + b"\r\n", b"data: a\n\ndata: [DO"])
    assert (events, response.complete) == (["a"], False)
    assert response.feed(b"NE]") == []
    assert response.closed() == ["[DONE]"]
    assert (response.complete, response.reusable) == (True, False)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nconnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
def test_a_connection_that_the_server_will_close_is_not_used_again(head: bytes) -> None:
    _, response = events_of([head + b"content-length: 3\r\n\r\n\n\n\n"])
    assert (response.complete, response.reusable) == (True, False)


@pytest.mark.parametrize(
    ("pieces", "kind", "words"),
    [
        ([b""], "reset", "before a reply"),
        ([b"HTTP/1.1 200 OK\r\n"], "early_end", "in the middle"),
        ([CHUNKED + chunk("a")], "early_end", "in the middle"),
        ([OK + b"content-length: 99\r\n\r\ndata: a\n\n"], "early_end", "in the middle"),
        ([b"HTTP/1.1 500 Oh\r\ncontent-length: 99\r\n\r\nout of mem"], "http_5xx", "HTTP 500: out of mem"),
    ],
)
def test_closed_too_early(pieces: list[bytes], kind: str, words: str) -> None:
    _, response = events_of([piece for piece in pieces if piece])
    with pytest.raises(RequestError, match=words) as failed:
        response.closed()
    assert failed.value.failure.kind == kind


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000, "malformed", "head has no end"),
        (CHUNKED + b"zz\r\n", "malformed", "is not HTTP"),
        (b"HTTP/1.1 500 No\r\ncontent-length: 9005\r\n\r\n" + b'{"x":' + b"[" * 9000, "http_5xx", "HTTP 500"),
        (b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n{}", "http_4xx", "HTTP 404"),
        (b"HTTP/1.1 429 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbus\r\n1\r\ny\r\n0\r\n\r\n", "http_4xx", ": busy"),
        (b"HTTP/1.1 502 No\r\n\r\n" + b"<" * 70_000, "http_5xx", "HTTP 502: <<<"),
        (CHUNKED + b"500001\r\ndata: " + b"x" * 0x500000, "malformed", "longer than"),
    ],
)
def test_what_it_must_not_be(data: bytes, kind: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as failed:
        Response().feed(data)
    assert failed.value.failure.kind == kind
    assert len(failed.value.failure.message) <= 300


def test_a_page_instead_of_a_stream_is_known_by_its_type() -> None:
    _, response = events_of([b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\n<html"])
    assert (response.complete, response.words) == (True, "text/html")


@pytest.mark.parametrize("field", ["content", "reasoning", "reasoning_content", "text"])
def test_a_token_like_the_one_before_needs_no_parser(field: str) -> None:
    pattern = Pattern.learn(chunk(token(" the", field)))
    assert pattern is not None
    for text in (" fox", "x", "\\n\\n", '\\"quoted\\"', "é" * 300, " }]}", "\\\\"):
        assert pattern.fits(chunk(token(text, field)))


FIRST = chunk(token(" the"))
NOT_ONE_TOKEN = {
    "empty": chunk(token("")),
    "another field": chunk(token("x", "reasoning")),
    "the end": chunk(token("x", finish='"stop"')),
    "two events": chunk(token("a"), token("b")),
    "two chunks": chunk(token("a")) + chunk(token("b")),
    "half": FIRST[:-9],
    "without its end": FIRST[:-2],
    "more than it": FIRST + b"0\r\n\r\n",
    "the rest of one": FIRST[9:],
    "in two chunks": b"20\r\n" + FIRST[4:36] + b"\r\n%x\r\n" % (len(FIRST) - 38) + FIRST[36:],
    "another request": FIRST.replace(b"chatcmpl-1", b"chatcmpl-2"),
    "done": chunk("[DONE]"),
    "nothing": b"",
    "a comment": b"4\r\n: \n\n\r\n",
}


@pytest.mark.parametrize("data", NOT_ONE_TOKEN.values(), ids=NOT_ONE_TOKEN)
def test_whatever_else_comes_goes_to_the_parser(data: bytes) -> None:
    pattern = Pattern.learn(FIRST)
    assert pattern is not None
    assert not pattern.fits(data)


@given(st.text(max_size=40), st.integers(0, 400), st.integers(1, 5))
def test_what_fits_is_one_token_to_the_parser_too(text: str, at: int, changed: int) -> None:
    """Damage of all sorts in the next chunk: whatever the shortcut takes, the parser takes as one token chunk."""
    pattern = Pattern.learn(FIRST)
    assert pattern is not None
    data = bytearray(FIRST)
    data[at % len(data) : at % len(data) + changed] = text.encode()
    size = len(data) - data.find(b"\r\n") - 4
    data[: data.find(b"\r\n")] = b"%x" % max(size, 0)
    if pattern.fits(bytes(data)):
        events, _ = events_of([CHUNKED, bytes(data)])
        assert len(events) == 1
        reply = Reply(Fresh())
        try:
            reply.event(events[0], 1)
        except RequestError:
            return  # broken text within the token: the parser would have failed the request
        assert reply.token_chunks == 1


def test_a_shape_that_cannot_be_learned() -> None:
    for data in (chunk("[DONE]"), chunk(token("")), FIRST * 2, FIRST[:-4], chunk(token("a"), end="\r\n\r\n")):
        assert Pattern.learn(data) is None
