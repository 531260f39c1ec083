"""What stands beside a benchmark: the server's own view and the GPUs' power, on the run's time axis.

A run's process measures and looks at nothing else; this is written by a process of its own (`adapters.observer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass, field

from nemotui.core.bench import Phase
from nemotui.core.errors import NemotuiError
from nemotui.core.hardware import Gpu
from nemotui.core.model_server import ModelServer, ServerMetrics
from nemotui.core.ports import Clock, MachineProbe

INTERVAL_S = 1.0
# How soon a change of phase is seen: the server's counters before the clock starts are those that the run adds to.
_POLL_S = 0.05

# How far a run is, None when it has ended.
Progress = Callable[[], tuple[Phase, float] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look, a line of observations.jsonl. `elapsed_s` is that of the run's newest point.

    `power_w` is the sum of the `gpus` GPUs that serve and `utilization_percent` their mean; None where one of them
    does not say, or where the server is on another machine. `last`: the run has ended, nothing follows.
    """

    phase: Phase
    elapsed_s: float
    server: ServerMetrics = field(default_factory=ServerMetrics)
    gpus: int = 0
    power_w: float | None = None
    utilization_percent: float | None = None
    last: bool = False


async def observe(
    server: ModelServer, probe: MachineProbe | None, gpus: Collection[str], clock: Clock, progress: Progress
) -> AsyncGenerator[Observation, None]:
    """Look each second, at each change of phase, and once more at the end.

    `gpus` are the UUIDs of those that serve, empty: all of the machine. `probe` None: they are not here.
    """
    last_phase: Phase | None = None
    latest: tuple[Phase, float] = ("prepare", 0.0)
    due = clock.monotonic()
    while (now := progress()) is not None:
        latest = now
        if latest[0] != last_phase or clock.monotonic() >= due:
            last_phase = latest[0]
            due = clock.monotonic() + INTERVAL_S
            yield await _look(server, probe, gpus, *latest)
        await clock.sleep(_POLL_S)
    yield await _look(server, probe, gpus, *latest, last=True)


async def _look(
    server: ModelServer,
    probe: MachineProbe | None,
    wanted: Collection[str],
    phase: Phase,
    elapsed_s: float,
    *,
    last: bool = False,
) -> Observation:
    metrics, gpus = await asyncio.gather(_metrics(server), _gpus(probe, wanted))
    fresh = all(gpu.age_s is None for gpu in gpus)
    power = [gpu.power_w for gpu in gpus if gpu.power_w is not None]
    load = [gpu.utilization_percent for gpu in gpus if gpu.utilization_percent is not None]
    return Observation(
        phase=phase,
        elapsed_s=elapsed_s,
        server=metrics,
        gpus=len(gpus),
        power_w=round(sum(power), 1) if gpus and fresh and len(power) == len(gpus) else None,
        utilization_percent=sum(load) / len(load) if gpus and fresh and len(load) == len(gpus) else None,
        last=last,
    )


async def _metrics(server: ModelServer) -> ServerMetrics:
    try:
        return await server.metrics()
    except NemotuiError:
        return ServerMetrics()


async def _gpus(probe: MachineProbe | None, wanted: Collection[str]) -> list[Gpu]:
    if probe is None:
        return []
    try:
        return [gpu for gpu in (await probe.sample()).gpus if not wanted or gpu.uuid in wanted]
    except NemotuiError:
        return []
