"""Stopping a server: the grace period counted down, then what still holds memory of the GPUs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from nemotui.core.errors import FailedError, NemotuiError
from nemotui.core.hardware import GpuProcess
from nemotui.core.ports import Clock, Container, ContainerRuntime, MachineProbe
from nemotui.core.show import gib

GRACE_S = 30
_TICK_S = 1.0
_LET_GO_S = 3.0  # the driver takes back the memory of an ended process within moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """It was told to end; in `left_s` seconds it is killed."""

    container: Container
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """It has ended. `held`: processes of its own that are still there and hold GPU memory."""

    container: Container
    held: tuple[GpuProcess, ...] = ()


async def stop(
    runtime: ContainerRuntime, probe: MachineProbe, container: Container, clock: Clock, *, grace_s: int = GRACE_S
) -> AsyncGenerator[Stopping | Stopped, None]:
    """Stop it; `Stopped` is the last event. Raises `FailedError` where it runs on.

    Whoever stops listening does not call the stop off: the engine goes on with it.
    """
    pids = await _pids(runtime, container)
    until = clock.monotonic() + grace_s
    stopping = asyncio.ensure_future(runtime.stop(container.id, grace_s=grace_s))
    try:
        while not stopping.done():
            yield Stopping(container=container, left_s=max(0.0, until - clock.monotonic()))
            tick = asyncio.ensure_future(clock.sleep(_TICK_S))
            await asyncio.wait({stopping, tick}, return_when=asyncio.FIRST_COMPLETED)
            tick.cancel()
        await stopping
    finally:
        stopping.cancel()
    ended = await runtime.inspect(container.id)
    if ended.state in ("running", "restarting"):
        raise FailedError("still_running", f"{container.name} still runs", f"Try `docker kill {container.name}`.")
    yield Stopped(container=ended, held=await _held(probe, pids, clock))


async def _pids(runtime: ContainerRuntime, container: Container) -> Sequence[int]:
    try:
        return await runtime.processes(container.id)
    except NemotuiError:
        return ()


async def _held(probe: MachineProbe, pids: Sequence[int], clock: Clock) -> tuple[GpuProcess, ...]:
    """Those of these processes that the driver still lists, after a moment to let go."""
    if not pids:
        return ()
    for wait_s in (0.0, _LET_GO_S):
        if wait_s:
            await clock.sleep(wait_s)
        try:
            machine = await probe.sample()
        except NemotuiError:
            return ()
        found = {p.pid: p for gpu in machine.gpus for p in gpu.processes if p.pid in pids}
        if not found:
            return ()
    return tuple(found.values())


def held_words(process: GpuProcess) -> str:
    """A process that its container has left on a GPU."""
    return f"Process {process.pid} ({process.name or 'n/a'}) still holds {gib(process.memory_bytes)} of GPU memory."
