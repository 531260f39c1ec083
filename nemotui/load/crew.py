"""The load processes of a run, as seen by the one that leads it: started, told to go and to stop, listened to."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from nemotui.load.prompts import Prompts
from nemotui.load.report import Report
from nemotui.load.schedule import Share
from nemotui.load.target import Target
from nemotui.load.worker import GO, SIZE, Worker

_PIPE_BYTES = 1 << 20
STOP_S = 5.0


@dataclass(slots=True)
class Member:
    """One load process. `latest` is what it said last, None before it was ready; `died` is how it ended where it did
    not say that it would."""

    pid: int
    control: int
    reports: int
    number: int
    latest: Report | None = None
    died: str | None = None
    data: bytearray = field(default_factory=bytearray)
    spent: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=5))  # (seconds, of processor)

    @property
    def cpu(self) -> float:
        """Of a core, over the last second."""
        if len(self.spent) < 2:
            return 0.0
        (since_s, before_s), (at_s, cpu_s) = self.spent[0], self.spent[-1]
        return (cpu_s - before_s) / (at_s - since_s) if at_s > since_s else 0.0


class Crew:
    """Forked, so that all that was prepared is theirs at once: from a small process of one thread, not the console."""

    def __init__(self, shares: list[Share], target: Target, prompts: Prompts) -> None:
        self.members: list[Member] = []
        self._selector = selectors.DefaultSelector()
        self._decode = msgspec.msgpack.Decoder(Report).decode
        self._stop_by: float | None = None
        for share in shares:
            self.members.append(self._fork(share, target, prompts))

    def _fork(self, share: Share, target: Target, prompts: Prompts) -> Member:
        control, tell = os.pipe()
        listen, reports = os.pipe()
        with suppress(OSError):  # a user may have so many pipe buffers and no more: the reports come in pieces then
            fcntl.fcntl(reports, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                # Only the end of the control pipe ends it: it has a report to give.
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                for fd in (tell, listen, *(fd for other in self.members for fd in (other.control, other.reports))):
                    os.close(fd)
                Worker(share, target, prompts, control, reports).run()
                code = 0
            except BrokenPipeError:
                pass  # nobody listens any more
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.close(control)
        os.close(reports)
        os.set_blocking(listen, False)
        member = Member(pid=pid, control=tell, reports=listen, number=share.worker)
        self._selector.register(listen, selectors.EVENT_READ, member)
        return member

    @property
    def alive(self) -> bool:
        """Whether there is anybody to listen to."""
        return bool(self._selector.get_map())

    @property
    def ready(self) -> bool:
        """Whether all have opened their connections, those apart that will never."""
        return all(member.latest is not None or member.died is not None for member in self.members)

    def go(self, start_ns: int) -> None:
        """The clock starts."""
        for member in self.members:
            self._tell(member, GO.pack(start_ns))

    def stop(self) -> None:
        """All shall end, and say what they have."""
        if self._stop_by is None:
            self._stop_by = monotonic() + STOP_S
            for member in self.members:
                os.close(member.control)

    def _tell(self, member: Member, word: bytes) -> None:
        with suppress(BrokenPipeError):  # it is gone, which its other pipe will tell
            os.write(member.control, word)

    def listen(self, wait_s: float) -> Iterator[Report]:
        """What they say within that time, as it comes; returns after the first of it."""
        if self._stop_by is not None and monotonic() > self._stop_by:
            for member in self.members:
                if member.reports in self._selector.get_map():
                    os.kill(member.pid, signal.SIGKILL)
        for key, _ in self._selector.select(wait_s):
            yield from self._hear(key.data)

    def _hear(self, member: Member) -> Iterator[Report]:
        try:
            data = os.read(member.reports, _PIPE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._bury(member)
            return
        member.data += data
        while len(member.data) >= SIZE.size:
            end = SIZE.size + SIZE.unpack_from(member.data)[0]
            if len(member.data) < end:
                break
            report = member.latest = self._decode(member.data[SIZE.size : end])
            del member.data[:end]
            member.spent.append((report.at_s, report.cpu_s))
            yield report

    def _bury(self, member: Member) -> None:
        self._selector.unregister(member.reports)
        os.close(member.reports)
        code = os.waitstatus_to_exitcode(os.waitpid(member.pid, 0)[1])
        if member.latest is None or member.latest.over is None:
            member.died = "was killed" if code == -signal.SIGKILL else f"ended with {code}"
            if member.latest is not None:  # what it had under way is nobody's now
                member.latest = msgspec.structs.replace(member.latest, due=0, sent=0, streaming=0)
