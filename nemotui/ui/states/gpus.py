"""The GPUs pane's state: the last machine, and each GPU's last minutes by UUID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nemotui.core.errors import Problem
from nemotui.core.hardware import Gpu, Machine

KEPT = 600  # samples, ten minutes at one a second: wider than any screen


@dataclass(frozen=True, slots=True)
class Trace:
    """One GPU's history, oldest first; None where a sample had no value."""

    utilization: tuple[float | None, ...] = ()
    memory: tuple[float | None, ...] = ()
    power: tuple[float | None, ...] = ()

    def after(self, gpu: Gpu) -> Trace:
        """With one more sample. Memory and power in percent of the total and of the limit."""
        return Trace(
            utilization=_kept(self.utilization, gpu.utilization_percent),
            memory=_kept(self.memory, share(gpu.memory_used_bytes, gpu.memory_total_bytes)),
            power=_kept(self.power, share(gpu.power_w, gpu.power_limit_w)),
        )


def share(part: float | None, whole: float | None) -> float | None:
    """Percent; None where either is unknown."""
    return None if part is None or not whole else part / whole * 100


def _kept(values: tuple[float | None, ...], value: float | None) -> tuple[float | None, ...]:
    return (*values[-KEPT + 1 :], value)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpusState:
    """`machine` is the last one that the driver told; `problem` why there is none now."""

    machine: Machine | None = None
    problem: Problem | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)

    def after(self, event: Machine | Problem) -> GpusState:
        """The state after one sample."""
        if isinstance(event, Problem):
            return replace(self, problem=event)
        traces = {gpu.uuid: self.traces.get(gpu.uuid, Trace()).after(gpu) for gpu in event.gpus}
        return GpusState(machine=event, traces=traces)
