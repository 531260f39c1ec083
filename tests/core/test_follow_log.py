"""A log that breaks off is taken up where it broke; each line comes once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from nemotui.core.errors import FailedError, NemotuiError, NothingThereError, Problem
from nemotui.core.follow_log import follow_log
from nemotui.core.logs import LogLine, Place, Rest
from nemotui.core.ports import Container, ContainerState
from tests.core.scripted import Clock

pytestmark = pytest.mark.anyio


class Runtime:
    """Each follow gives the next of the logs, which may end in an error; then the container is in the next state."""

    def __init__(self, *logs: list[Any], states: list[ContainerState]) -> None:
        self.logs_, self.states = list(logs), states
        self.asked: list[tuple[int | None, float | None]] = []

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        assert follow
        self.asked.append((tail, since))
        for item in self.logs_.pop(0):
            if isinstance(item, NemotuiError):
                raise item
            yield item

    async def inspect(self, container_id: str) -> Container:
        return Container(id="1", name="n", image="i", state=self.states.pop(0), labels={})


def batch(*times: float) -> tuple[LogLine, ...]:
    return tuple(LogLine(f"line {at:g}", at) for at in times)


async def events(runtime: Runtime, clock: Clock, **how: Any) -> list[tuple[LogLine, ...] | Problem]:
    return [event async for event in follow_log(runtime, "1", clock, tail=9, **how)]  # type: ignore[arg-type]


async def test_until_the_container_ends() -> None:
    clock, runtime = Clock(), Runtime([batch(1), batch(2, 3)], states=["exited"])
    assert await events(runtime, clock) == [batch(1), batch(2, 3)]
    assert runtime.asked == [(9, None)]
    assert clock.slept == []


async def test_a_log_that_breaks_off_goes_on_without_a_line_twice() -> None:
    trouble = FailedError("engine_slow", "Docker does not answer")
    runtime = Runtime([batch(1, 2), trouble], [batch(2, 3)], states=["exited"])
    assert await events(runtime, Clock()) == [batch(1, 2), trouble.problem, batch(3)]
    assert runtime.asked == [(9, None), (None, 2)]


async def test_a_log_that_ends_while_the_container_runs_is_asked_again() -> None:
    runtime = Runtime([batch(1)], [batch(1), batch(4)], states=["running", "exited"])
    assert await events(runtime, Clock()) == [batch(1), batch(4)]


async def test_an_engine_that_is_away_is_waited_for_and_a_container_that_is_gone_is_not() -> None:
    away, gone = NothingThereError("no_engine", "none", ""), NothingThereError("no_container", "gone", "")
    runtime = Runtime([away], [gone], states=[])
    assert await events(runtime, Clock(), since=Place(7.0)) == [away.problem, gone.problem]
    assert runtime.asked == [(None, 7.0), (None, 7.0)]


async def test_lines_of_the_very_time_at_which_it_broke_off_are_told_apart_by_their_number() -> None:
    trouble = FailedError("engine_slow", "Docker does not answer")
    first, second, third = LogLine("first", 2), LogLine("second", 2), LogLine("third", 2)
    runtime = Runtime([batch(1), (first,), (second,), trouble], [(first,), (second, third)], states=["exited"])
    assert await events(runtime, Clock()) == [batch(1), (first,), (second,), trouble.problem, (third,)]


def test_a_place_is_never_before_an_earlier_one_and_lines_without_a_time_are_new() -> None:
    place = Place().after(batch(5, 7, 7)).after(batch(6)).after((LogLine("no time"),))
    assert place == Place(7, 2)
    assert Rest(place).new((*batch(6, 7, 7, 7), LogLine("no time"))) == (*batch(7), LogLine("no time"))
    assert Rest(Place()).new(batch(1)) == batch(1)
    assert Rest(Place(3)).new(batch(2, 3)) == batch(3)  # a time alone: that of somebody's wish
