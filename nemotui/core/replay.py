"""A stored run as it went, at a speed that can be changed while it goes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from nemotui.core.bench import BenchEvent, BenchObserved, BenchProgress, follow_bench

if TYPE_CHECKING:
    from nemotui.core.ports import Clock, LoadRunner

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_SHORTEST_S = 0.05  # of a sleep: shorter ones come too late to be worth it


async def replay(load: LoadRunner, run: str, clock: Clock, speed: Callable[[], float]) -> AsyncGenerator[BenchEvent]:
    """The events of a run that has ended, in the order and at the times of the run; `speed` is asked at each."""
    timed: list[tuple[float, BenchEvent]] = []
    async with aclosing(follow_bench(load, run)) as events:
        async for event in events:
            match event:
                case BenchProgress(point=point):
                    timed.append((point.elapsed_s, event))
                case BenchObserved(observation=observation):
                    timed.append((observation.elapsed_s, event))
                case _:  # its start comes first, its end last
                    at_s, due_s = 0.0, 0.0
                    for elapsed_s, each in sorted(timed, key=lambda one: one[0]):
                        due_s, at_s = due_s + (elapsed_s - at_s) / speed(), elapsed_s
                        if due_s >= _SHORTEST_S:
                            await clock.sleep(due_s)
                            due_s = 0.0
                        yield each
                    timed = []
                    yield event
