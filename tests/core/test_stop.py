"""The grace period counted down, and what holds on to the GPUs afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from nemotui.core.errors import FailedError
from nemotui.core.hardware import Gpu, GpuProcess, Machine
from nemotui.core.ports import Container
from nemotui.core.stop import Stopped, Stopping, stop
from tests.core.scripted import RUNNING, Clock, Runtime

pytestmark = pytest.mark.anyio

OURS, OTHER = GpuProcess(pid=41, memory_bytes=2**30), GpuProcess(pid=99, memory_bytes=2**30)


class Slow(Runtime):
    """It needs a few seconds of the clock to end, with `survives` it does not."""

    clock: Clock
    survives: bool = False

    async def stop(self, container_id: str, *, grace_s: int) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def processes(self, container_id: str) -> Sequence[int]:
        return (40, 41)

    async def inspect(self, container_id: str) -> Container:
        return RUNNING if self.survives else replace(RUNNING, state="exited", exit_code=137)


class Probe:
    """The GPU's processes at each look, the last of them for ever."""

    def __init__(self, *looks: tuple[GpuProcess, ...]) -> None:
        self.looks = list(looks)

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        processes = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return Machine(gpus=(Gpu(index=0, uuid="GPU-0", name="H100", processes=processes),))

    async def close(self) -> None: ...


async def stopped(probe: Probe, *, survives: bool = False) -> list[Stopping | Stopped]:
    runtime = Slow()
    runtime.clock, runtime.survives = Clock(), survives
    return [event async for event in stop(runtime, probe, RUNNING, runtime.clock, grace_s=30)]


async def test_the_seconds_until_it_is_killed_are_counted_down() -> None:
    *ticks, last = await stopped(Probe(()))

    left = [event.left_s for event in ticks if isinstance(event, Stopping)]
    assert left[:3] == [30.0, 29.0, 28.0]
    assert isinstance(last, Stopped)
    assert last.container.exit_code == 137
    assert last.held == ()


async def test_only_processes_of_its_own_that_hold_on_are_named() -> None:
    last = (await stopped(Probe((OURS, OTHER))))[-1]

    assert isinstance(last, Stopped)
    assert last.held == (OURS,)


async def test_a_process_that_lets_go_in_a_moment_is_not_named() -> None:
    last = (await stopped(Probe((OURS,), (OTHER,))))[-1]

    assert isinstance(last, Stopped)
    assert last.held == ()


async def test_one_that_runs_on_is_said_so() -> None:
    with pytest.raises(FailedError) as raised:
        await stopped(Probe(()), survives=True)

    assert raised.value.problem.kind == "still_running"
