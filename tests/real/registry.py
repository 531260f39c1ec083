"""A real registry on the loopback, behind a slow line that breaks once."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port, listens
from tests.waiting import until

_CHUNK = 64 * 1024
_CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass
class Line:
    """A relay in front of the registry. `sent`: bytes that went through it; it breaks once, after `breaks_at`.

    `left`: how often whoever fetched hung up in the middle.
    """

    bytes_per_s: int
    breaks_at: int | None
    sent: int = 0
    left: int = 0
    address: str = ""

    def carry(self, data: bytes) -> None:
        """Let these bytes through in their time; raises `OSError` where the line breaks."""
        time.sleep(len(data) / self.bytes_per_s)
        self.sent += len(data)
        if self.breaks_at is not None and self.sent > self.breaks_at:
            self.breaks_at = None
            raise OSError("the line broke")


@contextlib.contextmanager
def registry(folder: Path, *, bytes_per_s: int, breaks_at: int | None = None) -> Iterator[tuple[str, Line]]:
    """The registry's own address and the line to it; Docker needs no TLS on the loopback."""
    port = free_port()
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(folder=folder / "data", port=port))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log, env=dict(os.environ))
    try:
        until(lambda: listens(port))
        line = Line(bytes_per_s, breaks_at)
        with _relay(port, line):
            yield f"127.0.0.1:{port}", line
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _relay(port: int, line: Line) -> Iterator[None]:
    gate = threading.Lock()  # all connections share the line

    def pump(source: socket.socket, sink: socket.socket, *, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if slow:
                    with gate:
                        line.carry(data)
                try:
                    sink.sendall(data)
                except OSError:
                    line.left += slow
                    raise
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    class Both(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as server:
                up = threading.Thread(target=pump, args=(self.request, server), kwargs={"slow": False})
                up.start()
                pump(server, self.request, slow=True)
                up.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Both) as relay:
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, args=(0.05,), daemon=True).start()
        line.address = f"127.0.0.1:{relay.server_address[1]}"
        yield
        relay.shutdown()
