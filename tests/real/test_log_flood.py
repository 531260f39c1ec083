"""A container that writes fifty thousand lines a second for ten seconds: each line is read, once and in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.docker import DockerEngine
from nemotui.core.errors import Problem
from nemotui.core.follow_log import follow_log
from nemotui.core.logs import Place
from nemotui.ui.states.logs import KEPT, LogsState
from tests.real.test_docker import spec

pytestmark = [pytest.mark.anyio, pytest.mark.real]

RATE, SECONDS = 50_000, 10
TOTAL = RATE * SECONDS
FLOOD = """
import os, sys, time
rate, seconds = map(int, sys.argv[1:])
began = time.monotonic()
for step in range(seconds * 100):
    numbers = range(step * rate // 100, (step + 1) * rate // 100)
    data = "".join(f"INFO 01-01 00:00:00 [flood.py:1] line {n} of a flood\\n" for n in numbers).encode()
    while data:
        data = data[os.write(1, data):]
    time.sleep(max(0.0, began + (step + 1) / 100 - time.monotonic()))
"""
MOST_BYTES = 100 * 2**20  # far above what ten thousand lines take, far below what all of them would


def resident() -> int:
    """This process's memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_flood_is_read_whole_and_kept_in_part(script_image: Callable[[str], str], name: str, port: int) -> None:
    engine, clock = DockerEngine(), SystemClock()
    container = await engine.start(spec(name, script_image(FLOOD), port, str(RATE), str(SECONDS)))
    began, before, most, largest = time.monotonic(), resident(), 0, 0
    state, expected = LogsState(container=container), 0
    async for event in follow_log(engine, container.id, clock, tail=KEPT, since=Place(1.0)):  # from its first line on
        assert not isinstance(event, Problem), event
        for line in event:
            assert line.text.endswith(f"line {expected} of a flood")
            expected += 1
        state = state.after(event)
        most, largest = max(most, resident() - before), max(largest, len(event))
        assert len(state.lines) <= KEPT
    took = time.monotonic() - began
    print(f"\n{expected:,} lines in {took:.1f} s, batches of {largest:,} at most, {most / 2**20:.0f} MiB more")
    assert expected == state.total == TOTAL
    assert state.dropped == TOTAL - KEPT
    assert state.lines[0].text.endswith(f"line {TOTAL - KEPT} of a flood")
    assert most < MOST_BYTES
