"""A server that answers every request with the bytes it was given: for replies that no honest server sends."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HOSTILE = "\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0]\x1b[0m\x9b2J\x00\u202e"
HOSTILE_PLAIN = "[/x] [INFO] a[0]"

STOP = '{"choices":[{"delta":{},"finish_reason":"stop"}]}'


def delta(**fields: object) -> str:
    """The data of a chat's event that brings these fields."""
    return json.dumps({"choices": [{"delta": fields}]}, ensure_ascii=False)


def sse(*events: str) -> bytes:
    """A 200 reply without a length whose body is these events' data, ended by the connection's close."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return head + b"".join(b"data: " + event.encode() + b"\n\n" for event in events)


def reply(status: int, body: bytes) -> bytes:
    """A reply with a length."""
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(body), body)


@contextmanager
def raw_server(answer: Callable[[str], bytes | None]) -> Iterator[str]:
    """Serve `answer(path)` on loopback; None resets the connection. Gives the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):
                if (path := _asked(connection)) is None:
                    continue
                data = answer(path)
                if data is None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                else:
                    connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def _asked(connection: socket.socket) -> str | None:
    """Read one request; its path. None where whoever connected leaves before it is whole."""
    request, length = b"", None
    while length is None or len(request.split(b"\r\n\r\n", 1)[1]) < length:
        if not (received := connection.recv(65536)):
            return None
        request += received
        if length is None and b"\r\n\r\n" in request:
            heads = request.split(b"\r\n\r\n", 1)[0].lower().split(b"\r\n")
            length = next((int(head.split(b":")[1]) for head in heads if head.startswith(b"content-length:")), 0)
    return request.split(b" ")[1].decode()
