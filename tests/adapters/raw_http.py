"""A server that answers every request with the bytes it was given: for replies that no honest server sends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HOSTILE = "\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0]\x1b[0m\x9b2J\x00\u202e"
HOSTILE_PLAIN = "[/x] [INFO] a[0]"


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
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                length = next(
                    (int(h.split(b":")[1]) for h in request.split(b"\r\n") if h.lower().startswith(b"content-length:")),
                    0,
                )
                while len(request.split(b"\r\n\r\n", 1)[1]) < length:
                    request += connection.recv(65536)
                data = answer(request.split(b" ")[1].decode())
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
