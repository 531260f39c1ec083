"""Writes down what stands beside a run: in a process of its own, or beside us where the server ends with us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nemotui.adapters import apart
from nemotui.core.bench import Phase
from nemotui.core.model_server import ModelServer
from nemotui.core.observe import observe
from nemotui.core.plan import ALL_GPUS
from nemotui.core.ports import Clock, MachineProbe
from nemotui.rundir import RunDirectory


class ApartObserver:
    """A process for each run (`python -m nemotui.cli.observe RUN`) that ends with it and outlives us."""

    def __init__(self, api_key: Callable[[], str | None]) -> None:
        self._api_key = api_key

    def __call__(self, run: str) -> int:
        """Begin to look; the process id."""
        key = self._api_key()
        secrets = {"NEMOTUI_API_KEY": key} if key else {}
        return apart.spawn("nemotui.cli.observe", [run], secrets, RunDirectory(Path(run)).observer_log)


class TaskObserver:
    """A task for each run: for a pretend machine, which nobody but us can see."""

    def __init__(self, probe: MachineProbe, connect: Callable[[str], ModelServer], clock: Clock) -> None:
        self._probe, self._connect, self._clock = probe, connect, clock
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, run: str) -> None:
        """Begin to look."""
        task = asyncio.create_task(self._observe(RunDirectory(Path(run))))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _observe(self, directory: RunDirectory) -> None:
        server = self._connect(directory.spec().server)
        try:
            with suppress(OSError, ValueError):  # the run itself tells what is wrong with its directory
                await write_observations(directory, server, self._probe, self._clock)
        finally:
            await server.close()

    async def close(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def write_observations(directory: RunDirectory, server: ModelServer, probe: MachineProbe, clock: Clock) -> None:
    """Look at the server and, where it is on this machine, at its GPUs until the run has ended."""
    from nemotui.adapters.vllm import is_loopback  # and with it the HTTP client, which few verbs need

    environment = directory.environment()
    container = environment.get("container")
    # Where there was no driver when the run began there is none to ask each second.
    here = container is not None or is_loopback(urlsplit(server.base_url).hostname)
    here = here and environment.get("machine") is not None
    progress = _Progress(directory)
    observations = observe(server, probe if here else None, _gpus(container), clock, progress)
    async with aclosing(observations):
        async for observation in observations:
            directory.observed(observation)


def _gpus(container: Mapping[str, Any] | None) -> frozenset[str]:
    """UUIDs of those that the container was given; empty where it was given all, or nothing is known."""
    return frozenset((container or {}).get("gpus") or ()) - frozenset(ALL_GPUS)


class _Progress:
    """How far a run is, by the newest line of its timeline."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory, self._offset = directory, 0
        self._latest: tuple[Phase, float] = ("prepare", 0.0)

    def __call__(self) -> tuple[Phase, float] | None:
        ended = self._directory.status() != "running"
        points, self._offset = self._directory.timeline(self._offset)
        for point in points:
            self._latest = (point.phase, point.elapsed_s)
        return None if ended else self._latest
