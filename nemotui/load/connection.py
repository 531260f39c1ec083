"""One TCP connection, plain or TLS, that never blocks and tells when what it read had come."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from nemotui.load.clock import SO_TIMESTAMPNS, Clock
from nemotui.load.target import Target

# Small, so that one read takes little more than one chunk and each keeps its own time.
READ_BYTES = 4096
_ANCILLARY_BYTES = 64


class Connection:
    """Opened at once, usable when `advance` has said so. All methods raise `OSError` when it is broken."""

    def __init__(self, target: Target, clock: Clock) -> None:
        family, address = target.address
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.ready = False
        self._clock = clock
        self._unsent = b""
        self._tls = _Tls(target.tls, target.host) if target.tls is not None else None
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ask_for_times()
            error = self.socket.connect_ex(address)
            if error not in (0, errno.EINPROGRESS):
                raise OSError(error, os.strerror(error))
        except OSError:
            self.socket.close()
            raise

    def _ask_for_times(self) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        except OSError:
            return  # not this system: the time right after the read will do

    def advance(self) -> bool:
        """Go on opening it after the socket became ready for something. Whether it is open now."""
        if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        if self._tls is None:
            self.ready = True
        else:
            try:
                while data := self.socket.recv(READ_BYTES):
                    self._tls.incoming.write(data)
                self._tls.incoming.write_eof()
            except BlockingIOError:
                pass
            self.ready = self._tls.greet()
            self._push(self._tls.outgoing.read())
        return self.ready

    def send(self, data: bytes) -> None:
        """Send what the socket takes now; see `unsent`."""
        self._push(data if self._tls is None else self._tls.encrypt(data))

    def flush(self) -> None:
        """Send more of what was left."""
        self._push(b"")

    @property
    def unsent(self) -> bool:
        """Whether the socket has not taken all yet: call `flush` when it is writable."""
        return bool(self._unsent)

    def _push(self, data: bytes) -> None:
        data = self._unsent + data if self._unsent else data
        try:
            sent = self.socket.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        self._unsent = data[sent:] if sent < len(data) else b""

    def read(self) -> tuple[bytes, int]:
        """What came and when; no bytes: the other end has closed. Raises `BlockingIOError` where nothing came."""
        data, ancillary, _, _ = self.socket.recvmsg(READ_BYTES, _ANCILLARY_BYTES)
        at_ns = self._clock.stamp(ancillary)
        return (data if self._tls is None or not data else self._tls.decrypt(data)), at_ns

    def close(self) -> None:
        """Let go of it."""
        self.socket.close()


class _Tls:
    """TLS in memory, so that the socket is read in one way."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)

    def greet(self) -> bool:
        """Go on with the handshake. Whether it is over."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def encrypt(self, data: bytes) -> bytes:
        self._object.write(data)
        return self.outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        """All that can be read now. Raises `BlockingIOError` where a record is not whole yet."""
        self.incoming.write(data)
        plain = b""
        try:
            while piece := self._object.read(1 << 16):
                plain += piece
        except ssl.SSLWantReadError:
            if not plain:
                raise BlockingIOError from None
        except ssl.SSLZeroReturnError:
            pass
        return plain
