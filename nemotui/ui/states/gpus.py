"""The GPUs pane's state: the last machine, and each GPU's last minutes by UUID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nemotui.core.hardware import Gpu, Machine

if TYPE_CHECKING:
    from nemotui.core.ports import EngineInfo

KEPT = 300  # columns: wider than any screen
SAMPLES = 5  # a column, ten seconds: so few cells show minutes, and a picture at rest is seldom drawn again

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The means of so many samples each, oldest first; None where none of them had a value, or only an old one.

    `samples` counts those in the newest column, `known` those among them that had a value.
    """

    columns: Values = ()
    samples: int = SAMPLES
    known: int = 0

    def after(self, value: float | None) -> History:
        """With one more sample."""
        if self.samples == SAMPLES:
            return History((*self.columns[-KEPT + 1 :], value), 1, int(value is not None))
        if value is None:
            return replace(self, samples=self.samples + 1)
        mean = self.columns[-1] or 0.0
        mean += (value - mean) / (self.known + 1)
        return History((*self.columns[:-1], mean), self.samples + 1, self.known + 1)


@dataclass(frozen=True, slots=True)
class Trace:
    """One GPU's history."""

    utilization: History = History()
    power: History = History()

    def after(self, gpu: Gpu) -> Trace:
        """With one more sample. Power in percent of the limit."""
        fresh = gpu.age_s is None
        return Trace(
            utilization=self.utilization.after(gpu.utilization_percent if fresh else None),
            power=self.power.after(share(gpu.power_w, gpu.power_limit_w) if fresh else None),
        )


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
        if not isinstance(event, Machine):
            return replace(self, engine=event.version)
        traces = {gpu.uuid: self.traces.get(gpu.uuid, Trace()).after(gpu) for gpu in event.gpus}
        return replace(self, machine=event, traces=traces)
