"""The HTTP adapter against a real socket: what an honest vLLM sends, and what no honest server does."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from nemotui.adapters.vllm import VllmServer, is_loopback
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.exchange import Received
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics, Usage
from nemotui.core.sse import DONE
from tests.adapters.raw_http import HOSTILE, HOSTILE_PLAIN, STOP, delta, raw_server, reply, sse
from tests.load.known_server import Behaviour, secure, serving

pytestmark = pytest.mark.anyio


NESTED = b"[" * 9000


async def chat(url: str) -> list[ChatChunk]:
    """The chunks of its events, without what is only seen on the wire."""
    server = VllmServer(url)
    try:
        chunks = [chunk async for chunk in server.chat({"model": "m", "messages": [], "stream": True})]
        return [chunk for chunk in chunks if any(isinstance(s, Received) and s.text != DONE for s in chunk.seen)]
    finally:
        await server.close()


async def test_reasoning_content_and_usage_come_apart() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 1}}
    stream = sse(
        delta(role="assistant", content=""),
        delta(reasoning="a"),
        delta(reasoning_content="b"),
        delta(content="c"),
        STOP,
        json.dumps({"choices": [], "usage": usage}),
        "[DONE]",
    )
    with raw_server(lambda path: stream) as url:
        chunks = await chat(url)
    assert [(c.reasoning, c.content, c.finish_reason) for c in chunks] == [
        ("", "", None),
        ("a", "", None),
        ("b", "", None),
        ("", "c", None),
        ("", "", "stop"),
        ("", "", None),
    ]
    assert [c.has_token for c in chunks] == [False, True, True, True, False, False]
    assert chunks[-1].usage == Usage(prompt_tokens=5, completion_tokens=3, reasoning_tokens=1)
    assert all(a.at <= b.at for a, b in pairwise(chunks))


async def test_a_certificate_of_ones_own(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(secure(certificate, lambda _: Behaviour())) as known:
        stranger = VllmServer(known.url)
        with pytest.raises(NothingThereError, match=r"certificate of https://.* is not trusted: self") as caught:
            await stranger.models()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = VllmServer(known.url)
        assert [model.id for model in await trusted.models()] == ["known-model"]
        await stranger.close()
        await trusted.close()
    assert "SSL_CERT_FILE" in str(caught.value.problem.fix)


async def test_hostile_text_is_plain_in_every_field() -> None:
    call = {"index": 10**9, "function": {"name": HOSTILE, "arguments": HOSTILE}}
    finish = json.dumps({"choices": [{"delta": {}, "finish_reason": HOSTILE}]})
    stream = sse(delta(reasoning=HOSTILE, content=HOSTILE, tool_calls=[call]), finish)
    with raw_server(lambda path: stream) as url:
        first, last = await chat(url)
    assert (first.reasoning, first.content) == (HOSTILE_PLAIN, HOSTILE_PLAIN)
    assert (first.tool_calls[0].name, first.tool_calls[0].arguments) == (HOSTILE_PLAIN, HOSTILE_PLAIN)
    assert first.tool_calls[0].index == 63
    assert last.finish_reason == HOSTILE_PLAIN


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (sse(delta(content="half")), "early_end"),
        (sse(delta(content="half"), json.dumps({"error": {"message": HOSTILE}})), "server_error"),
        (sse(delta(content="half"), "{not json"), "malformed"),
        (sse(delta(content="half"), '{"choices": 7}'), "malformed"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + sse(delta(content="half")).split(b"\r\n\r\n")[1],
            "connection_lost",
        ),
    ],
)
async def test_what_arrived_before_a_break_is_kept(data: bytes, kind: str) -> None:
    seen = ""
    with raw_server(lambda path: data) as url:
        server = VllmServer(url)
        with pytest.raises(FailedError) as caught:
            async for chunk in server.chat({"model": "m", "messages": []}):
                seen += chunk.content
        await server.close()
    assert caught.value.problem.kind == kind
    assert seen == "half"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (reply(404, b'{"error":{"message":"The model `x` does not exist.","code":404}}'), "http_404", "does not exist"),
        (reply(401, b'{"error":"Unauthorized"}'), "http_401", "--api-key-file"),
        (reply(500, HOSTILE.encode()), "http_500", HOSTILE_PLAIN),
        (reply(502, b""), "http_502", "no text"),
        (reply(500, NESTED), "http_500", "HTTP 500: [["),
        (None, "connection_lost", "broke"),
    ],
)
async def test_an_error_reply_is_one_sentence(data: bytes | None, kind: str, words: str) -> None:
    with raw_server(lambda path: data) as url, pytest.raises(FailedError) as caught:
        await chat(url)
    assert caught.value.problem.kind == kind
    assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)


async def test_models_and_version() -> None:
    pages = {
        "/v1/models": reply(200, json.dumps({"data": [{"id": "n", "root": HOSTILE, "max_model_len": 4096}]}).encode()),
        "/version": reply(200, b'{"version":"0.32.0"}'),
        "/health": reply(200, b""),
    }
    with raw_server(pages.__getitem__) as url:
        server = VllmServer(url + "/v1/")
        assert await server.models() == [ServedModel(id="n", root=HOSTILE_PLAIN, max_model_len=4096)]
        assert await server.version() == "0.32.0"
        assert await server.healthy()
        await server.close()


@pytest.mark.parametrize(
    "data", [reply(200, b"<html>"), reply(200, b'{"data": 3}'), reply(200, b"\xff"), reply(200, b'{"x":' + NESTED)]
)
async def test_another_kind_of_server_is_said(data: bytes) -> None:
    with raw_server(lambda path: data) as url:
        server = VllmServer(url)
        with pytest.raises(FailedError, match="OpenAI-compatible"):
            await server.models()
        assert await server.version() is None
        await server.close()


async def test_a_reply_without_end_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (17 * 1024 * 1024)
    with raw_server(lambda path: endless) as url:
        server = VllmServer(url)
        with pytest.raises(FailedError, match="is over"):
            await server.models()
        await server.close()


async def test_nobody_there_is_not_healthy_and_says_what_to_do() -> None:
    server = VllmServer("http://127.0.0.1:1")
    assert not await server.healthy()
    with pytest.raises(NothingThereError, match="nemotui deploy"):
        await server.models()
    with pytest.raises(NothingThereError, match="no server answers"):
        async for _ in server.chat({"model": "m", "messages": []}):
            pass
    await server.close()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "http://user:secret@host", "\x1b[31m"])
def test_a_wrong_url_is_a_usage_error_without_the_secret(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        VllmServer(url)
    assert "secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_proxy_is_not_for_this_machine() -> None:
    assert [is_loopback(h) for h in ("localhost", "127.0.0.1", "127.8.8.8", "::1", "10.0.0.1", "gpu-box", None)] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("usage", "known"),
    [
        ({"prompt_tokens": -1, "completion_tokens": 3}, None),
        ({"prompt_tokens": 5, "completion_tokens": 10**15}, None),
        (
            {"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 4}},
            Usage(prompt_tokens=5, completion_tokens=3),
        ),
    ],
)
async def test_counts_that_cannot_be_are_unknown(usage: dict[str, object], known: Usage | None) -> None:
    data = sse(json.dumps({"choices": [], "usage": usage}), "[DONE]")
    with raw_server(lambda _: data) as url:
        assert (await chat(url))[-1].usage == known


async def test_metrics_that_take_too_long_are_unknown_and_nothing_else_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens and says nothing: a busy server, which is there all the same."""
    monkeypatch.setattr("nemotui.adapters.vllm._METRICS_PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = VllmServer(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert await server.metrics() == ServerMetrics()
        await server.close()


@pytest.mark.parametrize("data", [None, reply(200, b"vllm:num_requests_running 1\n")[:-9]], ids=["reset", "partial"])
async def test_metrics_that_break_off_are_unknown_and_nothing_else_is_lost(data: bytes | None) -> None:
    with raw_server(lambda _: data) as url:
        server = VllmServer(url)
        assert await server.metrics() == ServerMetrics()
        await server.close()


async def test_nothing_waits_while_metrics_of_any_length_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, told = threading.Event(), threading.Event()

    def slowly(text: str) -> ServerMetrics:
        begun.set()
        assert told.wait(5), "the event loop stood still"
        return ServerMetrics(running=1)

    monkeypatch.setattr("nemotui.adapters.vllm.parse_metrics", slowly)
    with raw_server(lambda _: reply(200, b"vllm:num_requests_running 1\n")) as url:
        server = VllmServer(url)
        asked = asyncio.create_task(server.metrics())
        assert await asyncio.to_thread(begun.wait, 30)
        told.set()
        assert (await asked).running == 1
        await server.close()
