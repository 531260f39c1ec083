"""The kernel's times on the monotonic clock, whatever happens to the wall clock."""

from __future__ import annotations

import struct

from nemotui.load.clock import SO_TIMESTAMPNS, Ancillary, Clock

MS = 1_000_000
WALL = 1_800_000_000 * 1_000_000_000


class Clocks:
    """A monotonic clock that ticks 100 ns a look, and a wall clock that somebody may set."""

    def __init__(self) -> None:
        self.now_ns, self.set_ns = 5_000_000_000, WALL

    def monotonic(self) -> int:
        self.now_ns += 100
        return self.now_ns

    def wall(self) -> int:
        self.now_ns += 100
        return self.now_ns + self.set_ns

    def stamp(self, ago_ns: int) -> Ancillary:
        """What the kernel says of something that came so long ago, by the wall clock as it is now."""
        at = self.now_ns + self.set_ns - ago_ns
        return [(1, SO_TIMESTAMPNS, struct.pack("@qq", at // 1_000_000_000, at % 1_000_000_000))]


def made() -> tuple[Clock, Clocks]:
    clocks = Clocks()
    return Clock(clocks.wall, clocks.monotonic), clocks


def test_a_chunk_has_the_time_at_which_it_came() -> None:
    clock, clocks = made()
    at_ns = clocks.now_ns - 3 * MS
    assert abs(clock.stamp(clocks.stamp(3 * MS)) - at_ns) <= 100
    assert abs(clock.lag_ns[0] - 3 * MS) <= 200
    assert (clock.user_reads, clock.steps) == (0, 0)


def test_a_slow_reader_is_no_step() -> None:
    clock, clocks = made()
    at_ns = clocks.now_ns - 400 * MS
    assert abs(clock.stamp(clocks.stamp(400 * MS)) - at_ns) <= 10_000
    assert (clock.steps, round(clock.lag_ns[0] / MS)) == (0, 400)


def test_a_clock_that_is_set_is_noticed_at_the_next_chunk_and_then_followed() -> None:
    for by_ns in (3600 * 1000 * MS, -3600 * 1000 * MS, 30 * MS, -30 * MS):
        clock, clocks = made()
        clocks.set_ns += by_ns
        assert abs(clock.stamp(clocks.stamp(MS)) - clocks.now_ns) < MS  # right after the read, not an hour off
        assert (clock.steps, abs(clock.largest_step_ns - abs(by_ns)) < 200) == (1, True)
        at_ns = clocks.now_ns - MS
        assert abs(clock.stamp(clocks.stamp(MS)) - at_ns) <= 100
        assert clock.steps == 1


def test_a_small_step_is_found_within_the_second() -> None:
    clock, clocks = made()
    clocks.set_ns += 40_000
    assert not clock.refresh()
    clocks.set_ns += 60_000
    assert clock.refresh()
    assert (clock.steps, clock.largest_step_ns) == (1, 60_000)


def test_without_the_kernels_time_it_is_that_of_the_read() -> None:
    clock, clocks = made()
    clock.since_ns = clocks.now_ns - MS
    assert clock.stamp([]) == clocks.now_ns
    assert (clock.user_reads, clock.lag_ns) == (1, [MS + 100])
