"""A program on a pty as a person has it, and what it costs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 60.0


class Pty:
    """A program on a pty; what it writes is read and searched, nothing is interpreted."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, {**os.environ, **environment, "TERM": "xterm-256color"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.written = 0

    def until(self, text: bytes, patience_s: float = PATIENCE_S) -> float:
        """Read until this has been written since the call; the time at which it was read (monotonic s)."""
        seen = b""
        deadline = time.monotonic() + patience_s
        while text not in seen:
            ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} never came"
            data = os.read(self.fd, 65536)
            self.written += len(data)
            seen = seen[-1000:] + data
        return time.monotonic()

    def drain(self, seconds: float) -> int:
        """Read for a while; how many bytes came."""
        before, deadline = self.written, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                self.written += len(os.read(self.fd, 65536))
        return self.written - before

    def key(self, data: bytes) -> float:
        """Type; the time just before."""
        at = time.monotonic()
        os.write(self.fd, data)
        return at

    def end(self) -> float:
        """Read until the program has ended; when it had."""
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:  # Linux says EIO when the other side is gone
                break
        os.waitpid(self.pid, 0)
        return time.monotonic()

    def kill(self) -> None:
        """At once."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextlib.contextmanager
def on_pty(arguments: list[str], state: Path, environment: dict[str, str] | None = None) -> Iterator[Pty]:
    argv = [sys.executable, "-m", "nemotui", *arguments]
    program = Pty(argv, {"NEMOTUI_STATE_DIR": str(state), **(environment or {})})
    try:
        yield program
    finally:
        program.kill()


def cpu_s(pid: int) -> float:
    """CPU time of a process and all its threads, to the nanosecond: that of `times` counts whole ticks of 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of <linux/posix-timers.h>
