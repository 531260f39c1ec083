"""How somebody looks at the GPUs: in which order, which one is under the cursor, and whether closely."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nemotui.core.hardware import Gpu

Order = Literal["index", "load", "memory", "power"]

_ORDERS: Mapping[Order, Callable[[Gpu], float | None]] = {
    "index": lambda gpu: -gpu.index,
    "load": lambda gpu: gpu.utilization_percent,
    "memory": lambda gpu: gpu.memory_used_bytes,
    "power": lambda gpu: gpu.power_w,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpusView:
    """`uuid` is the GPU under the cursor: the first where it is None, or not there any more."""

    order: Order = "index"
    uuid: str | None = None
    closer: bool = False

    def rows(self, gpus: Sequence[Gpu]) -> list[Gpu]:
        """The GPUs in order, the greatest first, unknown values last, equals by index."""
        value = _ORDERS[self.order]

        def key(gpu: Gpu) -> tuple[bool, float, int]:
            figure = value(gpu)
            return (figure is None, -(figure or 0), gpu.index)

        return sorted(gpus, key=key)

    def chosen(self, gpus: Sequence[Gpu]) -> Gpu | None:
        """The GPU under the cursor."""
        rows = self.rows(gpus)
        return next((gpu for gpu in rows if gpu.uuid == self.uuid), rows[0] if rows else None)

    def moved(self, steps: int, gpus: Sequence[Gpu]) -> GpusView:
        """The cursor on another row, no further than the ends."""
        rows, chosen = self.rows(gpus), self.chosen(gpus)
        if chosen is None:
            return self
        return replace(self, uuid=rows[min(max(rows.index(chosen) + steps, 0), len(rows) - 1)].uuid)

    def sorted(self) -> GpusView:
        """In the next order."""
        orders = list(_ORDERS)
        return replace(self, order=orders[(orders.index(self.order) + 1) % len(orders)])
