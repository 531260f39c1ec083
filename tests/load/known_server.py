"""A server whose behaviour is known to the letter: what each reply holds, how it breaks, and when chunks were sent."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Break = Literal["http_400", "http_503", "reset", "malformed", "early_end", "in_band", "silence"]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How one reply goes: thinking tokens, then content tokens, `tokens_per_chunk` in a chunk, `gap_s` apart.

    `breaks` happens after the second token chunk (an HTTP error at once); `stall_s` before the third.
    """

    thinking: int = 2
    content: int = 3
    tokens_per_chunk: int = 1
    gap_s: float = 0.0
    first_s: float = 0.0
    usage: bool = True
    role_chunk: bool = True
    breaks: Break | None = None
    stall_s: float = 0.0


@dataclass
class KnownServer:
    """`behaviour` of the n-th measured request (by arrival); `refuse_after` closes the listener at that request."""

    behaviour: Callable[[int], Behaviour]
    tokenizer: bool = True
    refuse_after: int | None = None
    version: dict[str, Any] | None = None  # what GET /version answers, if anything
    tls: ssl.SSLContext | None = None
    metrics: bytes | None = None  # what GET /metrics answers, if anything
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    sends: list[list[float]] = field(default_factory=list)  # of each request: monotonic times of its token chunks
    arrivals: list[float] = field(default_factory=list)  # of each request: monotonic time at which it was read
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    async def serve(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        self._server = await asyncio.start_server(
            self._connection, "127.0.0.1", 0, limit=2**22, backlog=512, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        ready()
        await stop.wait()
        self.die()
        await asyncio.sleep(0)

    def die(self) -> None:
        """Stop listening and drop every connection."""
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (int(h.split(":")[1]) for h in head.split("\r\n") if h.lower().startswith("content-length")), 0
                )
                body = json.loads(await reader.readexactly(length) or "null")
                if not await self._answer(writer, head, body):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, head: str, body: Any) -> bool:
        path = head.split(" ")[1]
        if path == "/v1/models":
            _json(writer, {"data": [{"id": "known-model"}]})
        elif path == "/version" and self.version is not None:
            _json(writer, self.version)
        elif path == "/metrics" and self.metrics is not None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(self.metrics) + self.metrics)
        elif path == "/tokenize" and self.tokenizer:
            # One token a word, except that of more than eight letters: two.
            ids = [i for word in body["prompt"].split() for i in ([hash(word)] if len(word) <= 8 else [hash(word), 7])]
            _json(writer, {"tokens": ids, "count": len(ids)})
        elif path in ("/v1/chat/completions", "/v1/completions"):
            self.headers.append(head)
            return await self._stream(writer, body, chat="chat" in path)
        else:
            _json(writer, {"detail": "Not Found"}, "404 Not Found")
        return True

    async def _stream(self, writer: asyncio.StreamWriter, body: dict[str, Any], *, chat: bool) -> bool:
        number = len(self.requests)
        self.requests.append(body)
        self.arrivals.append(time.monotonic())
        sends: list[float] = []
        self.sends.append(sends)
        if self.refuse_after is not None and number >= self.refuse_after:
            self.die()
            return False
        b = self.behaviour(number)
        if b.breaks == "http_400":
            _json(writer, {"error": {"message": "too long\x1b[31m", "code": 400}}, "400 Bad Request")
            return True
        if b.breaks == "http_503":
            _json(writer, {"detail": "busy"}, "503 Service Unavailable")
            return True
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        start = time.monotonic() + b.first_s
        if chat and b.role_chunk:
            _event(writer, {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        tokens = ["reasoning"] * b.thinking + ["content"] * b.content
        count = 0
        for chunk, at in enumerate(range(0, len(tokens), b.tokens_per_chunk)):
            piece = tokens[at : at + b.tokens_per_chunk]
            if chunk == 2:
                if b.breaks == "silence":
                    await asyncio.sleep(3600)
                if b.breaks is not None:
                    return _break(writer, b.breaks)
                start += b.stall_s
            # On an absolute schedule; a sleep even of nothing lets the bytes before it go out by themselves.
            await asyncio.sleep(max(0.001, start + chunk * b.gap_s - time.monotonic()))
            count += len(piece)
            finish = "length" if count == len(tokens) else None
            sends.append(time.monotonic())
            if chat:
                delta = {piece[0]: "x" * len(piece)}
                _event(writer, {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            else:
                _event(writer, {"choices": [{"index": 0, "text": "x" * len(piece), "finish_reason": finish}]})
        if b.usage:
            usage = {
                "prompt_tokens": len(_prompt(body).split()) + 10,
                "completion_tokens": count,
                "completion_tokens_details": {"reasoning_tokens": b.thinking},
            }
            _event(writer, {"choices": [], "usage": usage})
        _chunk(writer, b"data: [DONE]\n\n")
        _chunk(writer, b"")
        return True


def _prompt(body: dict[str, Any]) -> str:
    text = body["prompt"] if "prompt" in body else body["messages"][0]["content"]
    assert isinstance(text, str)
    return text


def _break(writer: asyncio.StreamWriter, how: Break) -> bool:
    if how == "malformed":
        _chunk(writer, b'data: {"choices": [{"delta"\n\n')
    elif how == "in_band":
        _event(writer, {"error": {"message": "engine died", "code": 500}})
    elif how == "early_end":
        _chunk(writer, b"")
        return True
    else:
        # Lingering for no time makes the close a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
    return False


def _event(writer: asyncio.StreamWriter, data: Any) -> None:
    _chunk(writer, b"data: " + json.dumps(data).encode() + b"\n\n")


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _json(writer: asyncio.StreamWriter, data: Any, status: str = "200 OK") -> None:
    body = json.dumps(data).encode()
    writer.write(
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )


def secure(certificate: Path, behaviour: Callable[[int], Behaviour]) -> KnownServer:
    """One that speaks TLS with this certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return KnownServer(behaviour, tls=context)


@contextmanager
def serving(server: KnownServer) -> Iterator[KnownServer]:
    """Serve from a thread of its own while the block runs."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    loop.set_exception_handler(lambda *_: None)  # connections broken on purpose

    def run() -> None:
        loop.run_until_complete(server.serve(ready.set, stop))
        for task in asyncio.all_tasks(loop):
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
