"""When a chunk came: the kernel's receive time on the monotonic clock, or the time right after the read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from time import monotonic_ns, time_ns

# A socket option of Linux on x86-64 and arm64 that Python has no name for: with it the kernel hands over, with what
# is read, the wall-clock time at which the last segment of it arrived.
SO_TIMESTAMPNS = 35
_timespec = struct.Struct("@qq").unpack
_READINGS = 20
# The distance of the two clocks never moves but where somebody sets the wall clock; this much is our reading of it.
STEP_NS = 50_000
# A chunk that seems to have waited longer than this, or to be from the future, may be a clock that was set.
_DOUBT_NS = 20_000_000

# As recvmsg() returns them: level, type, data.
Ancillary = Sequence[tuple[int, int, bytes]]


class Clock:
    """Kernel times as monotonic ns, how long each chunk waited for us (`lag_ns`), and steps of the wall clock.

    `user_reads` came without a kernel time. `since_ns` is the earliest moment at which what the loop reads now can have
    come: without the kernel's times, that is the most by which it may be late.
    """

    def __init__(self, wall: Callable[[], int] = time_ns, monotonic: Callable[[], int] = monotonic_ns) -> None:
        self._wall, self._monotonic = wall, monotonic
        self.lag_ns: list[int] = []
        self.user_reads = 0
        self.steps = 0
        self.largest_step_ns = 0
        self.since_ns = 0
        self._offset_ns = self._distance()

    def stamp(self, ancillary: Ancillary) -> int:
        """When what was just read had come."""
        now_ns = self._monotonic()
        if not ancillary or len(ancillary[0][2]) != 16:
            self.user_reads += 1
            self.lag_ns.append(now_ns - self.since_ns)
            return now_ns
        seconds, nanoseconds = _timespec(ancillary[0][2])
        at_ns: int = seconds * 1_000_000_000 + nanoseconds - self._offset_ns
        if not 0 <= now_ns - at_ns < _DOUBT_NS:
            # Where the clock was set there is no telling on which side of that the chunk came.
            at_ns = now_ns if self.refresh() else min(at_ns, now_ns)
        self.lag_ns.append(now_ns - at_ns)
        return at_ns

    def refresh(self) -> bool:
        """Read the distance of the clocks anew, once a second and in doubt. Whether the wall clock was set since."""
        before, self._offset_ns = self._offset_ns, self._distance()
        moved = abs(self._offset_ns - before)
        if moved <= STEP_NS:
            return False
        self.steps += 1
        self.largest_step_ns = max(self.largest_step_ns, moved)
        return True

    def _distance(self) -> int:
        """Wall clock less monotonic clock: of several readings the one that took the shortest."""
        return min(self._reading() for _ in range(_READINGS))[1]

    def _reading(self) -> tuple[int, int]:
        before, wall, after = self._monotonic(), self._wall(), self._monotonic()
        return after - before, wall - (before + after) // 2
