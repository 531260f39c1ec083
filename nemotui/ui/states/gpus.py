"""The GPUs pane's state: the last machine, and each GPU's last minutes by UUID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nemotui.core.errors import Problem
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.ports import EngineInfo

PER_COLUMN = 2  # samples: a history moves every two seconds, which halves what it costs to draw
KEPT = 300  # columns, ten minutes at one sample a second: wider than any screen

Column = float | None


@dataclass(frozen=True, slots=True)
class Trace:
    """One GPU's history, oldest first, each value the mean of `PER_COLUMN` samples; None where none had a value.

    `count` is how many samples the last ones are made of. Memory and power in percent of the total and of the limit.
    """

    utilization: tuple[Column, ...] = ()
    memory: tuple[Column, ...] = ()
    power: tuple[Column, ...] = ()
    count: int = PER_COLUMN

    def after(self, gpu: Gpu) -> Trace:
        """With one more sample; values that are old do not count again."""
        old = gpu.age_s is not None
        memory = None if old else share(gpu.memory_used_bytes, gpu.memory_total_bytes)
        power = None if old else share(gpu.power_w, gpu.power_limit_w)
        return Trace(
            utilization=self._with(self.utilization, None if old else gpu.utilization_percent),
            memory=self._with(self.memory, memory),
            power=self._with(self.power, power),
            count=self.count % PER_COLUMN + 1,
        )

    def _with(self, values: tuple[Column, ...], value: Column) -> tuple[Column, ...]:
        if self.count == PER_COLUMN:
            return (*values[-KEPT + 1 :], value)
        last = values[-1]
        if last is not None and value is not None:
            value = (last * self.count + value) / (self.count + 1)
        return (*values[:-1], last if value is None else value)


def share(part: float | None, whole: float | None) -> float | None:
    """Percent; None where either is unknown."""
    return None if part is None or not whole else part / whole * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GpusState:
    """`machine` is the last one that the driver told, `problem` why there is none now, `engine` Docker's version."""

    machine: Machine | None = None
    problem: Problem | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    engine: str | None = None

    def after(self, event: Machine | Problem | EngineInfo) -> GpusState:
        """The state after one sample, or after the container engine has answered."""
        if isinstance(event, EngineInfo):
            return replace(self, engine=event.version)
        if isinstance(event, Problem):
            return replace(self, problem=event)
        traces = {gpu.uuid: self.traces.get(gpu.uuid, Trace()).after(gpu) for gpu in event.gpus}
        return replace(self, machine=event, problem=None, traces=traces)
