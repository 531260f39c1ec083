"""Twelve hours of use, by a clock that runs fast: the console holds at the end what it held after the first four.

NEMOTUI_PERF_DAY_S: how many seconds the twelve hours take (default 180). What is counted is the test's own process, of
whose memory the console is a part.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import psutil
import pytest

from nemotui.ui.app import look_for_garbage
from nemotui.ui.widgets.question import Question
from tests.ui.conftest import Console, pretend_console

pytestmark = [pytest.mark.perf, pytest.mark.anyio]

DAY_S = 12 * 3600.0
_TAKES_S = float(os.environ.get("NEMOTUI_PERF_DAY_S", "180"))
_WARM = 1 / 3  # of the day: by then every history is as long as it gets
_GROWTH = 1.1
_ROUND_S = 20 * 60.0  # of simulated use, in which everything is done once


class FastClock:
    """A day in `_TAKES_S`. Whoever sleeps briefly yields at least, so that nothing spins."""

    def __init__(self) -> None:
        self._began, self._began_at = time.monotonic(), time.time()
        self._times = DAY_S / _TAKES_S

    def now(self) -> float:
        return self._began_at + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._times

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._times)


@dataclass(frozen=True)
class Held:
    """What this process holds. `resident` in MiB."""

    resident: float
    files: int
    threads: int

    @classmethod
    def now(cls) -> Held:
        me = psutil.Process()
        return cls(me.memory_info().rss / 2**20, me.num_fds(), me.num_threads())


def only_the_server() -> bool:
    """Of the processes that the console has started only the pretend server is there."""
    return len(psutil.Process().children(recursive=True)) == 1


async def measure(c: Console) -> None:
    """One run to its end."""
    before = c.main.states["bench"].run
    await c.press("4")
    await c.press("enter")
    await c.until(lambda: c.main.states["bench"].run not in (None, before) and not c.main.states["bench"].running)


async def ask(c: Console) -> None:
    """Twice, and begin anew."""
    await c.press("5")
    await c.until(lambda: c.pane("chat").query_one(Question).has_focus)
    for number in (1, 2):
        await c.press(*"Why?", "enter")
        await c.until(partial(answered, c, number))
    await c.press("escape", "n")


def answered(c: Console, questions: int) -> bool:
    state = c.main.states["chat"]
    return len(state.turns) == questions and not state.answering


async def look(c: Console) -> None:
    """At every pane, closely, and at what lies over them."""
    await c.press("1", "enter", "enter", "s", "2", "g", "question_mark", "escape", "3", "t", "t", "w", "w", "g", "G")
    await c.press("1")


async def test_a_day_leaves_nothing_behind(tmp_path: Path) -> None:
    clock = FastClock()
    held: list[tuple[float, int, Held]] = []  # hours, rounds
    async with pretend_console(tmp_path / "runs", "8xh200", clock=clock) as c:
        await c.serve()
        look_for_garbage()  # as a console does that has settled, and as seldom
        for number in count(1):
            await look(c)
            await measure(c)
            await ask(c)
            await c.until(only_the_server)
            if clock.monotonic() >= (_WARM + len(held) / 6) * DAY_S:
                held.append((clock.monotonic() / 3600, number, Held.now()))
            if clock.monotonic() >= DAY_S and len(held) > 1:  # a slow machine's day is longer
                break
            await asyncio.sleep(max(0.0, number * _ROUND_S - clock.monotonic()) * _TAKES_S / DAY_S)
    print()
    for hours, number, each in held:
        print(f"after {hours:4.1f} h and {number:3} rounds: {each}")
    (_, _, first), (_, _, last) = held[0], held[-1]
    assert last.resident <= _GROWTH * first.resident
    assert last.files <= first.files
    assert last.threads <= first.threads
