"""The GPUs pane's state: the last machine, and each GPU's last minutes by UUID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nemotui.core.hardware import Gpu, Machine
from nemotui.core.ports import EngineInfo

KEPT = 300  # samples, ten minutes of them: wider than any screen

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """One GPU's history, oldest first; None where a sample had no value, or only an old one."""

    utilization: Values = ()
    memory: Values = ()
    power: Values = ()

    def after(self, gpu: Gpu) -> Trace:
        """With one more sample. Memory and power in percent of the total and of the limit."""
        fresh = gpu.age_s is None
        return Trace(
            utilization=_kept(self.utilization, gpu.utilization_percent if fresh else None),
            memory=_kept(self.memory, share(gpu.memory_used_bytes, gpu.memory_total_bytes) if fresh else None),
            power=_kept(self.power, share(gpu.power_w, gpu.power_limit_w) if fresh else None),
        )


def _kept(values: Values, value: float | None) -> Values:
    return (*values[-KEPT + 1 :], value)


def share(part: float | None, whole: float | None) -> float | None:
    """Percent; None where either is unknown."""
    return None if part is None or not whole else part / whole * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GpusState:
    """`machine` is the last sample, `engine` Docker's version."""

    machine: Machine | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    engine: str | None = None

    def after(self, event: Machine | EngineInfo) -> GpusState:
        """The state after one sample, or after the container engine has answered."""
        if isinstance(event, EngineInfo):
            return replace(self, engine=event.version)
        traces = {gpu.uuid: self.traces.get(gpu.uuid, Trace()).after(gpu) for gpu in event.gpus}
        return replace(self, machine=event, traces=traces)
