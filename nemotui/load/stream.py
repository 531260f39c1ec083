"""One request at a time on one connection: opened where there is none, kept for the next where the server keeps it."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from select import EPOLLIN, EPOLLOUT
from time import monotonic_ns
from typing import Protocol

from nemotui.core.bench import Failure
from nemotui.core.text import plain_line
from nemotui.load.clock import Clock
from nemotui.load.connection import Connection
from nemotui.load.pattern import Pattern
from nemotui.load.reply import Reply, RequestError
from nemotui.load.response import Response
from nemotui.load.target import CONNECT_S, Target

# A connection that was idle for longer than this may be closing at the other end.
IDLE_NS = 2_000_000_000


class Loop(Protocol):
    """Who waits for the sockets and is told what became of requests."""

    target: Target
    clock: Clock

    def watch(self, fd: int, ready: Callable[[int], None], events: int) -> None:
        """Call `ready` whenever that is so; again with other events to change them."""

    def forget(self, fd: int) -> None:
        """No more."""

    def connected(self, stream: Stream) -> None:
        """A connection that was opened ahead of its first request is there, or cannot be."""

    def ended(self, stream: Stream, exchange: Exchange, failure: Failure | None) -> None:
        """A request is over."""


@dataclass(slots=True)
class Exchange:
    """A request and what came back so far; `begun_ns` is when its slot was there, before any connecting."""

    index: int
    scheduled_s: float
    request: bytes
    reply: Reply
    response: Response
    begun_ns: int


class Stream:
    """A slot for requests."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.exchange: Exchange | None = None
        self._connection: Connection | None = None
        self._opened_ns = 0  # when opening it began
        self._connect_ns: int | None = None  # what that took, until a request tells it
        self._used_ns: int | None = None  # when its last reply was over
        self._pattern: Pattern | None = None

    def connect(self) -> None:
        """Open a connection ahead of the first request."""
        try:
            self._open()
        except OSError:
            self._loop.connected(self)  # the request will meet the same and count it

    def send(self, exchange: Exchange) -> None:
        """Send a request; the loop is told of its end, maybe at once."""
        self.exchange = exchange
        connection = self._connection
        stale = self._used_ns is not None and exchange.begun_ns - self._used_ns > IDLE_NS
        try:
            if connection is not None and stale:
                self._close()
                connection = None
            if connection is None:
                self._open()
            elif connection.ready:
                self._send(connection, exchange)
        except OSError as error:
            self._fail(_cannot_connect(error) if self._connection is None else self._broken(error, exchange))

    def cancel(self, failure: Failure) -> None:
        """End what goes on, as that."""
        self._fail(failure)

    def overdue(self, now_ns: int, timeout_s: float) -> Failure | None:
        """What to end it with for taking too long; None: it has time."""
        exchange = self.exchange
        if exchange is None:
            return None
        if exchange.reply.sent_ns is None:
            late = now_ns - max(self._opened_ns, exchange.begun_ns) > CONNECT_S * 1e9
            return Failure(kind="timeout", message=f"no connection after {CONNECT_S:g} s") if late else None
        late = now_ns - exchange.reply.sent_ns > timeout_s * 1e9
        return Failure(kind="timeout", message=f"no end after {timeout_s:g} s") if late else None

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._close()

    def ready(self, events: int) -> None:
        """The socket has something for us, or takes something."""
        connection, exchange = self._connection, self.exchange
        if connection is None:
            return
        if exchange is None or exchange.reply.sent_ns is None:
            self._between(connection, exchange)
            return
        reply = exchange.reply
        try:
            if events & EPOLLOUT:
                self._flush(connection)
            data, at_ns = connection.read()
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(self._broken(error, exchange))
            return
        if self._pattern is not None and self._pattern.fits(data):
            reply.token(at_ns)
        else:
            self._parse(exchange, data, at_ns)

    def _parse(self, exchange: Exchange, data: bytes, at_ns: int) -> None:
        """All that is not just another token."""
        reply, response, self._pattern = exchange.reply, exchange.response, None
        if reply.first_byte_ns is None and data:
            reply.first_byte_ns = at_ns
        fresh_start, before = response.between_chunks, reply.token_chunks
        try:
            events = response.feed(data) if data else response.closed()
            for event in events:
                reply.event(event, at_ns)
            if response.complete:
                if response.words and not reply.token_chunks:
                    raise RequestError("malformed", f"the reply is {response.words}, not an event stream")
                reply.end()
        except RequestError as error:
            self._fail(error.failure, keep=response.reusable)
            return
        except OverflowError as error:
            self._fail(Failure(kind="malformed", message=str(error)))
            return
        exchange.reply.coalesce(reply.token_chunks - before)
        if response.complete:
            self._end(exchange, None, keep=response.reusable)
        elif fresh_start and response.between_chunks and reply.plain:
            one_token = len(events) == reply.token_chunks - before == 1
            self._pattern = Pattern.learn(data) if one_token else None

    def _between(self, connection: Connection, exchange: Exchange | None) -> None:
        """No request is out: the connection opens, or the server closes an idle one."""
        try:
            if connection.ready:
                connection.read()  # nothing was asked, so there is nothing that it could rightly send
                self._close()
            elif connection.advance():
                self._watch(connection)
                self._connect_ns = monotonic_ns() - self._opened_ns
                if exchange is not None:
                    self._send(connection, exchange)
                else:
                    self._loop.connected(self)
            else:
                self._loop.watch(connection.socket.fileno(), self.ready, EPOLLIN)
        except BlockingIOError:
            return
        except OSError as error:
            opened = connection.ready
            self._close()
            if exchange is not None:
                self._fail(_cannot_connect(error))
            elif not opened:
                self._loop.connected(self)

    def _open(self) -> None:
        self._opened_ns, self._used_ns = monotonic_ns(), None
        self._connection = Connection(self._loop.target, self._loop.clock)
        self._loop.watch(self._connection.socket.fileno(), self.ready, EPOLLIN | EPOLLOUT)

    def _send(self, connection: Connection, exchange: Exchange) -> None:
        self._pattern = None
        exchange.reply.connect_ns, self._connect_ns = self._connect_ns, None
        exchange.reply.sent(monotonic_ns())
        connection.send(exchange.request)
        exchange.request = b""
        if connection.unsent:
            self._watch(connection)

    def _flush(self, connection: Connection) -> None:
        connection.flush()
        if not connection.unsent:
            self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        events = EPOLLIN | EPOLLOUT if connection.unsent else EPOLLIN
        self._loop.watch(connection.socket.fileno(), self.ready, events)

    def _broken(self, error: OSError, exchange: Exchange) -> Failure:
        """What a connection that broke is, as a user would name it."""
        where = "in the middle of the reply" if exchange.reply.first_byte_ns is not None else "before a reply"
        if isinstance(error, ssl.SSLError):
            return Failure(kind="reset", message=f"TLS broke {where}: {_words(error)}")
        return Failure(kind="reset", message=f"the connection broke {where}")

    def _fail(self, failure: Failure, *, keep: bool = False) -> None:
        if self.exchange is not None:
            self._end(self.exchange, failure, keep=keep)

    def _end(self, exchange: Exchange, failure: Failure | None, *, keep: bool) -> None:
        self.exchange = self._pattern = None
        if keep:
            self._used_ns = monotonic_ns()
        elif self._connection is not None:
            self._close()
        self._loop.ended(self, exchange, failure)

    def _close(self) -> None:
        if self._connection is not None:
            self._loop.forget(self._connection.socket.fileno())
            self._connection.close()
            self._connection = None


def _cannot_connect(error: OSError) -> Failure:
    if error.errno == errno.ETIMEDOUT:
        return Failure(kind="timeout", message="the network gave up connecting")
    return Failure(kind="refused", message=_words(error))


def _words(error: OSError) -> str:
    return plain_line(error.strerror or str(error), limit=300)
