"""A load process: its share of the streams on one epoll, and a report four times a second."""

from __future__ import annotations

import os
import select
import struct
from collections import deque
from collections.abc import Callable
from time import monotonic_ns, process_time, sleep

import msgspec

from nemotui.core.bench import Failure, RequestRecord
from nemotui.load.clock import Clock
from nemotui.load.prompts import Prompts
from nemotui.load.reply import MOST_CHUNKS, Reply
from nemotui.load.report import Fresh, Report
from nemotui.load.response import Response
from nemotui.load.schedule import Share
from nemotui.load.stream import Exchange, Stream
from nemotui.load.target import Target

REPORT_NS = 250_000_000
_SECOND_NS = 1_000_000_000
# So many requests in a row that found nobody, and then nobody who takes a connection either: the server is gone.
GONE_AFTER = 10
# Before the next look at what has come: sending takes a while too.
_STARTS_A_TURN = 16
# epoll waits in whole milliseconds; what is due sooner is waited for awake.
_AWAKE_NS = 1_100_000
# With more reads in a report than this, being woken for each would cost more than the reads themselves: a nap lets
# some gather first. The kernel's times do not mind, as long as no stream's own chunks are that close.
_CROWD = 1_500
_NAP_NS = 300_000
# A look at the sockets that took longer has waited, so what it found has just come.
_WAITED_NS = 50_000
CANCELLED = Failure(kind="cancelled", message="the run was stopped")

SIZE = struct.Struct("<I")  # before each report
GO = struct.Struct("<q")  # the run's start, monotonic ns


class Worker:
    """`run` sends its share from `go` on. `control` is a pipe that says go, and ends when the work shall end."""

    def __init__(self, share: Share, target: Target, prompts: Prompts, control: int, reports: int) -> None:
        self.target, self.clock = target, Clock()
        self._share, self._prompts = share, prompts
        self._control, self._reports = control, reports
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[int], None]] = {}
        self._fresh = Fresh()
        self._records: list[RequestRecord] = []
        self._unsent = b""
        self._start_ns, self._woke_ns = 0, monotonic_ns()
        self._open_loop = share.spec.open_loop
        self._upcoming = share.requests()
        self._next = next(self._upcoming, None)
        self._due: deque[tuple[int, float]] = deque()  # without a slot yet
        self._streams: list[Stream] = []
        self._idle: list[Stream] = []
        self._active: dict[Stream, None] = {}  # in the order in which they began
        self._connecting = 0
        self._nobody = 0
        self._over: str | None = None
        self._crowded = False

    def run(self) -> None:
        """Everything, to the last report."""
        os.set_blocking(self._reports, False)
        self.watch(self._control, self._told, select.EPOLLIN)
        if not self._open_loop:
            self._connect_all()
        self._report()
        next_report_ns, next_second_ns = monotonic_ns() + REPORT_NS, monotonic_ns() + _SECOND_NS
        while self._over is None:
            wait_ns = next_report_ns - self._woke_ns
            if self._due or (self._next is not None and (self._open_loop or self._idle)):
                wait_ns = min(wait_ns, self._start_due())
            elif self._next is None and not self._active:
                self._over = "done"
                break
            if self._crowded and wait_ns > _NAP_NS:
                sleep(_NAP_NS / 1e9)
            self._turn(wait_ns)
            now_ns = self._woke_ns
            if now_ns >= next_report_ns:
                next_report_ns = now_ns + REPORT_NS
                self._end_the_late(now_ns)
                self._crowded = len(self.clock.lag_ns) > _CROWD
                self._report()
                if now_ns >= next_second_ns:
                    next_second_ns = now_ns + _SECOND_NS
                    self.clock.refresh()
                    self._end_the_endless()
        for stream in list(self._active):
            stream.cancel(CANCELLED)
        os.set_blocking(self._reports, True)
        self._report()

    # What streams ask for.

    def watch(self, fd: int, ready: Callable[[int], None], events: int) -> None:
        if fd in self._ready:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._ready[fd] = ready

    def forget(self, fd: int) -> None:
        self._epoll.unregister(fd)
        del self._ready[fd]

    def connected(self, stream: Stream) -> None:
        self._connecting -= 1

    def ended(self, stream: Stream, exchange: Exchange, failure: Failure | None) -> None:
        record = exchange.reply.record(exchange.index, exchange.scheduled_s, self._start_ns, failure)
        self._records.append(record)
        del self._active[stream]
        self._idle.append(stream)
        found_nobody = failure is not None and record.ttfb_us is None and failure.kind in ("refused", "reset")
        self._nobody = self._nobody + 1 if found_nobody else 0
        if self._nobody >= GONE_AFTER and self._over is None:
            self._nobody = 0
            if not self.target.reachable():
                self._over = "gone"

    # The loop.

    def _connect_all(self) -> None:
        """In a closed loop all slots have their connections before the clock starts."""
        self._streams = [Stream(self) for _ in range(self._share.slots)]
        self._idle = self._streams[::-1]
        self._connecting = len(self._streams)
        for number, stream in enumerate(self._streams):
            stream.connect()
            if number % _STARTS_A_TURN == 0:
                self._turn(0)
        deadline_ns = monotonic_ns() + 10 * _SECOND_NS
        while self._connecting > 0 and monotonic_ns() < deadline_ns and self._over is None:
            self._turn(REPORT_NS)

    def _turn(self, wait_ns: int) -> None:
        """Wait for what comes, and take it."""
        asked_ns, before_ns = monotonic_ns(), self._woke_ns
        events = self._epoll.poll(max(0, wait_ns) / 1e9, 256)
        woke_ns = self._woke_ns = monotonic_ns()
        self.clock.since_ns = woke_ns if woke_ns - asked_ns > _WAITED_NS else before_ns
        ready = self._ready
        for fd, mask in events:
            if (take := ready.get(fd)) is not None:
                take(mask)

    def _start_due(self) -> int:
        """Send what is due, as far as there are slots. How long nothing more is to be sent, in ns."""
        if not self._start_ns:
            return REPORT_NS
        elapsed_s = (monotonic_ns() - self._start_ns) / 1e9
        closed, slots = not self._open_loop, self._share.slots
        while self._next is not None and self._next[1] <= elapsed_s:
            # In a closed loop a request is due when a slot is free.
            if closed and len(self._active) + len(self._due) >= slots:
                break
            self._due.append((self._next[0], elapsed_s) if closed else self._next)
            self._next = next(self._upcoming, None)
        for _ in range(_STARTS_A_TURN):
            if not self._due or len(self._active) >= slots or self._over is not None:
                break
            self._start(*self._due.popleft())
        else:
            return 0
        if self._due and len(self._active) < slots:
            return 0
        if self._next is None or closed:
            return REPORT_NS
        return max(0, self._start_ns + round(self._next[1] * 1e9) - monotonic_ns() - _AWAKE_NS)

    def _start(self, index: int, scheduled_s: float) -> None:
        if self._idle:
            stream = self._idle.pop()
        else:
            stream = Stream(self)
            self._streams.append(stream)
        request = self.target.request(self._prompts.body(index, self._share.spec.output_len))
        self._active[stream] = None
        stream.send(Exchange(index, scheduled_s, request, Reply(self._fresh), Response(), monotonic_ns()))

    def _end_the_late(self, now_ns: int) -> None:
        for stream in list(self._active):
            failure = stream.overdue(now_ns, self._share.spec.timeout_s)
            if failure is not None:
                stream.cancel(failure)
            elif stream.exchange is not None and stream.exchange.reply.sent_ns is not None:
                break  # those that follow began later

    def _end_the_endless(self) -> None:
        endless = Failure(kind="malformed", message=f"the reply has more than {MOST_CHUNKS:,} chunks")
        for stream in list(self._active):
            if stream.exchange is not None and stream.exchange.reply.token_chunks > MOST_CHUNKS:
                stream.cancel(endless)

    def _told(self, _: int) -> None:
        """The control pipe: when to start, or, at its end, to stop."""
        word = os.read(self._control, GO.size)
        if not word:
            self._over = "stopped"
            self.forget(self._control)
        else:
            (self._start_ns,) = GO.unpack(word)

    def _report(self) -> None:
        fresh, clock = self._fresh, self.clock
        report = Report(
            records=self._records,
            ttft_us=fresh.ttft_us,
            gaps_us=fresh.gaps_us,
            lag_us=[ns // 1000 for ns in clock.lag_ns],
            coalesced=fresh.coalesced,
            due=len(self._due) + len(self._active),
            sent=fresh.sent,
            streaming=fresh.streaming,
            user_reads=clock.user_reads,
            clock_steps=clock.steps,
            largest_step_us=clock.largest_step_ns // 1000,
            cpu_s=process_time(),
            at_s=monotonic_ns() / 1e9,
            over=self._over,
        )
        data = msgspec.msgpack.encode(report)
        self._records, fresh.ttft_us, fresh.gaps_us, fresh.coalesced = [], [], [], 0
        clock.lag_ns = []
        # What the pipe does not take now goes with the next report.
        self._unsent += SIZE.pack(len(data)) + data
        while self._unsent:
            try:
                self._unsent = self._unsent[os.write(self._reports, self._unsent) :]
            except BlockingIOError:
                break
