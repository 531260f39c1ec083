"""The roofline's three constants from published rows: least squares of the logarithms, by Nelder and Mead's simplex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log

from nemotui.core.memory import KvDtype, plan_memory
from nemotui.core.models import PublishedRow
from nemotui.core.predict import Constants, Estimate, compute
from tests.core.machines import CATALOG, chip

_START = Constants(efficiency=0.5, prefill_s_per_token=1e-5, step_s_per_doubling=1e-3)  # orders of magnitude
_STEPS = 400

Point = tuple[float, ...]


def fit(rows: Sequence[PublishedRow]) -> Constants:
    """The constants under which the logarithms of tokens/s, TTFT and ITL of these rows are missed least."""

    def missed(point: Point) -> float:
        return sum(error**2 for row in rows for error in log_errors(row, _constants(point)))

    start = tuple(map(log, (_START.efficiency, _START.prefill_s_per_token, _START.step_s_per_doubling)))
    return _constants(_simplex(missed, start))


def expected(row: PublishedRow, constants: Constants) -> Estimate:
    """The roofline on the row's hardware."""
    of, variant, tp = chip(row.chip), CATALOG.model.variant(row.variant), row.tensor_parallel_size
    assert variant is not None
    kv: KvDtype = "bfloat16" if of.compute_capability == "8.0" else "fp8"
    memory = plan_memory(CATALOG.model, variant, total=of.cuda_total_bytes, tensor_parallel_size=tp, kv_dtype=kv)
    return compute(CATALOG.model, of, variant, memory, tensor_parallel_size=tp, constants=constants)


def log_errors(row: PublishedRow, constants: Constants) -> tuple[float, float, float]:
    """ln(predicted / published) of tokens/s, TTFT and ITL."""
    found = expected(row, constants)
    return (
        log(found.output_throughput / row.output_throughput),
        log(found.mean_ttft_ms / row.mean_ttft_ms),
        log(found.mean_itl_ms / row.mean_itl_ms),
    )


def _constants(point: Point) -> Constants:
    efficiency, prefill, step = map(exp, point)
    return Constants(efficiency=efficiency, prefill_s_per_token=prefill, step_s_per_doubling=step)


def _simplex(of: Callable[[Point], float], start: Point) -> Point:
    """A local minimum from `start`, by the simplex method of Nelder and Mead (1965)."""
    corners = [start, *(tuple(x + (i == j) * 0.5 for j, x in enumerate(start)) for i in range(len(start)))]
    values = {corner: of(corner) for corner in corners}
    for _ in range(_STEPS):
        corners.sort(key=values.__getitem__)
        *kept, worst = corners
        centre = tuple(sum(x) / len(kept) for x in zip(*kept, strict=True))

        def toward(factor: float, centre: Point = centre, worst: Point = worst) -> Point:
            point = tuple(c + factor * (w - c) for c, w in zip(centre, worst, strict=True))
            values[point] = of(point)
            return point

        better = toward(-1)
        if values[better] < values[kept[0]]:
            better = min(better, toward(-2), key=values.__getitem__)
        elif values[better] >= values[kept[-1]]:
            better = toward(0.5)
        if values[better] < values[worst]:
            corners = [*kept, better]
            continue
        best = kept[0]
        corners = [best, *(tuple((x + b) / 2 for x, b in zip(c, best, strict=True)) for c in corners[1:])]
        values.update((corner, of(corner)) for corner in corners[1:])
    return min(corners, key=values.__getitem__)
