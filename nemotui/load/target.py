"""The server under load: where it is, and the bytes before each request's body."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import NothingThereError, UsageError
from nemotui.core.text import plain_line

CONNECT_S = 10.0
_PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
_Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class Target:
    """One server. `api_key` goes into a header and nowhere else; a proxy is not asked, it would be measured too."""

    def __init__(self, spec: BenchSpec, api_key: str | None) -> None:
        url = urlsplit(spec.server)
        assert url.hostname is not None  # a specification has been checked
        self.url = spec.server
        self.host = url.hostname
        self.port = url.port or (443 if url.scheme == "https" else 80)
        self.prefix = url.path
        self.tls = ssl.create_default_context() if url.scheme == "https" else None
        self.headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise UsageError("usage", "the API key has signs that no header can carry", "Give the key alone.")
        lines = [
            f"POST {url.path}{_PATHS[spec.endpoint]} HTTP/1.1",
            f"Host: {url.netloc}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            "Accept-Encoding: identity",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "Content-Length: ",
        ]
        self._head = "\r\n".join(lines).encode("ascii")
        self._address: _Address | None = None

    def request(self, body: bytes) -> bytes:
        """A whole request."""
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

    def find(self) -> None:
        """Settle for the first of the server's addresses that answers, so that no request has to look for it."""
        words = "no address"
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise self.absent(error.strerror or str(error)) from None
        for family, kind, _, _, address in found:
            with socket.socket(family, kind) as probe:
                probe.settimeout(CONNECT_S)
                try:
                    probe.connect(address)
                except OSError as error:
                    words = error.strerror or str(error)
                else:
                    self._address = family, address
                    return
        raise self.absent(words)

    def reachable(self) -> bool:
        """Whether anybody listens there."""
        family, address = self.address
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(2.0)
            return probe.connect_ex(address) == 0

    @property
    def address(self) -> _Address:
        """What `find` found."""
        assert self._address is not None
        return self._address

    def absent(self, words: str) -> NothingThereError:
        """Nobody listens."""
        message = f"no server answers at {self.url} ({plain_line(words)})"
        return NothingThereError("no_server", message, "start one with nemotui deploy, or name another with --base-url")
