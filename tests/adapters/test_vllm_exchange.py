"""What the inspector sees of a chat: the request, the headers, every event, and no secret, whatever a server sends."""

from __future__ import annotations

import pytest

from nemotui.adapters.vllm import VllmServer
from nemotui.core.errors import FailedError, NothingThereError
from nemotui.core.exchange import HIDDEN, Exchange, followed
from tests.adapters.raw_http import HOSTILE, STOP, delta, raw_server, sse

pytestmark = pytest.mark.anyio


async def exchange_of(url: str, key: str | None = None) -> tuple[Exchange, FailedError | NothingThereError | None]:
    """All that was seen on the wire, and what was raised in the end."""
    server, exchange, raised = VllmServer(url, api_key=lambda: key), None, None
    try:
        async for chunk in server.chat({"model": "m", "messages": [{"role": "user", "content": "hé\x9b"}]}):
            exchange = followed(exchange, chunk.seen)
    except (FailedError, NothingThereError) as error:
        raised = error
    await server.close()
    assert exchange is not None
    return exchange, raised


async def test_the_exchange_has_the_request_the_headers_and_every_event_with_its_time() -> None:
    stream = sse(delta(content="a"), STOP, "[DONE]")
    with raw_server(lambda path: stream) as url:
        exchange, raised = await exchange_of(url)
    assert raised is None
    assert (exchange.sent.method, exchange.sent.url) == ("POST", f"{url}/v1/chat/completions")
    assert exchange.sent.body == '{"model":"m","messages":[{"role":"user","content":"hé\\u009b"}]}'
    assert ("content-type", "application/json") in exchange.sent.headers
    assert exchange.answered is not None
    assert (exchange.answered.status, exchange.answered.headers[0]) == (200, ("content-type", "text/event-stream"))
    assert [piece.text for piece in exchange.head] == [delta(content="a"), STOP, "[DONE]"]
    times = [exchange.sent.at, exchange.answered.at, *(piece.at for piece in exchange.head)]
    assert times == sorted(times)
    assert exchange.ended is not None
    assert (exchange.ended.how, exchange.notes) == ("[DONE]", ())


async def test_no_secret_is_in_an_exchange_even_where_a_server_sends_it_back() -> None:
    key = "sk-a-secret-of-the-test"
    data = (
        b"HTTP/1.1 401 No\r\nset-cookie: session=" + key.encode() + b"\r\ncontent-length: 44\r\n\r\n"
        b'{"error":"wrong key: sk-a-secret-of-the-test' + b'"}'
    )[: -len(b'"}')]
    with raw_server(lambda path: data) as url:
        exchange, raised = await exchange_of(url, key)
    assert raised is not None
    assert raised.problem.kind == "http_401"
    assert ("Authorization", f"Bearer {HIDDEN}") in exchange.sent.headers
    assert exchange.answered is not None
    assert ("set-cookie", HIDDEN) in exchange.answered.headers
    assert exchange.head[0].text == f'{{"error":"wrong key: {HIDDEN}'
    assert exchange.head[0].kind == "body"
    assert key not in repr(exchange)


async def test_what_is_hostile_is_shown_as_it_is_written_and_draws_nothing() -> None:
    with raw_server(lambda path: sse(HOSTILE)) as url:
        exchange, raised = await exchange_of(url)
    assert raised is not None
    assert exchange.head[0].text.startswith("\\u001b]0;owned\\u0007\\u001b[31m[/x] [INFO]")
    assert "\x1b" not in repr(exchange)


async def test_a_reset_before_the_reply_ends_the_exchange_in_words() -> None:
    with raw_server(lambda path: None) as url:
        exchange, raised = await exchange_of(url)
    assert raised is not None
    assert exchange.answered is None
    assert exchange.ended is not None
    assert "broke" in exchange.ended.how


async def test_nobody_there_leaves_the_request_to_be_seen() -> None:
    exchange, raised = await exchange_of("http://127.0.0.1:1")
    assert isinstance(raised, NothingThereError)
    assert exchange.ended is not None
    assert exchange.ended.how == "no connection"
