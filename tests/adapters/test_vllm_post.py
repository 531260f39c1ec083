"""The other endpoints of a server: a whole reply, or a stream of objects, made plain; and what is wrong is told."""

from __future__ import annotations

import json

import pytest

from nemotui.adapters.vllm import VllmServer
from nemotui.core.errors import FailedError
from tests.adapters.raw_http import HOSTILE, HOSTILE_PLAIN, raw_server, reply, sse

pytestmark = pytest.mark.anyio


async def posted(url: str) -> dict[str, object] | FailedError:
    server = VllmServer(url)
    try:
        return dict(await server.post("/v1/chat/completions", {"model": "m"}))
    except FailedError as error:
        return error
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b'{"choices":', "malformed"),
        (b'{"a":' * 100_000, "malformed"),
        (b'{"a": NaN}', "malformed"),
        (HOSTILE.encode(), "malformed"),
        (b"data: {}\n\n", "malformed"),
        (b'{"x":"' + b"y" * (17 * 1024 * 1024), "too_large"),
    ],
    ids=["empty", "list", "null", "cut", "deep", "NaN", "hostile", "a stream", "endless"],
)
async def test_a_reply_that_is_no_json_object_is_one_sentence(body: bytes, kind: str) -> None:
    data = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body
    with raw_server(lambda path: data) as url:
        error = await posted(url)
    assert isinstance(error, FailedError)
    assert error.problem.kind == kind
    assert len(str(error)) < 3000
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (reply(400, json.dumps({"error": {"message": HOSTILE}}).encode()), "http_400", HOSTILE_PLAIN),
        (reply(500, HOSTILE.encode()), "http_500", HOSTILE_PLAIN),
        (reply(200, b'{"a": 1}')[:-3], "connection_lost", "before /v1/chat/completions was answered"),
        (None, "connection_lost", "broke"),
        (b"\x00\xff not HTTP\r\n\r\n", "connection_lost", "broke"),
    ],
    ids=["refused", "broken", "cut off", "reset", "no HTTP"],
)
async def test_a_post_that_fails_is_told(data: bytes | None, kind: str, words: str) -> None:
    with raw_server(lambda path: data) as url:
        error = await posted(url)
    assert isinstance(error, FailedError)
    assert (error.problem.kind, words in str(error), "\x1b" in str(error)) == (kind, True, False)


async def test_what_a_post_brings_is_plain_in_every_depth() -> None:
    body = json.dumps({"a": [{HOSTILE: HOSTILE}], "n": 10**30, "long": "two\nlines"}).encode()
    with raw_server(lambda path: reply(200, body)) as url:
        document = await posted(url)
    assert document == {"a": [{HOSTILE_PLAIN: HOSTILE_PLAIN}], "n": 10**30, "long": "two\nlines"}


async def test_a_byte_that_is_not_utf8_costs_a_letter_and_not_the_reply() -> None:
    pages = {
        "/v1/chat/completions": reply(200, b'{"a": "x\xffy"}'),
        "/v1/models": reply(200, b'{"data": [{"id": "m\xff"}]}'),
        "/version": reply(200, b'{"version": "\xff1"}'),
    }
    with raw_server(pages.__getitem__) as url:
        assert await posted(url) == {"a": "x\ufffdy"}
        server = VllmServer(url)
        assert [model.id for model in await server.models()] == ["m\ufffd"]
        assert await server.version() == "\ufffd1"
        await server.close()


async def events_of(url: str) -> tuple[list[dict[str, object]], FailedError | None]:
    server, raised = VllmServer(url), None
    seen: list[dict[str, object]] = []
    try:
        seen.extend([dict(event) async for event in server.events("/v1/messages", {})])
    except FailedError as error:
        raised = error
    await server.close()
    return seen, raised


async def test_the_events_of_another_endpoint_come_plain_and_what_breaks_is_told() -> None:
    with raw_server(lambda path: sse('{"type": "a"}', json.dumps({"type": HOSTILE}))) as url:
        assert await events_of(url) == ([{"type": "a"}, {"type": HOSTILE_PLAIN}], None)
    for data, kind in (
        (sse('{"type": "a"}', "[DONE]"), "malformed"),
        (reply(400, b'{"error": "no"}'), "http_400"),
        (None, "connection_lost"),
        (reply(200, sse("{}"))[:-2], "connection_lost"),
    ):
        with raw_server(lambda path, data=data: data) as url:  # type: ignore[misc]
            _, error = await events_of(url)
        assert error is not None
        assert error.problem.kind == kind
