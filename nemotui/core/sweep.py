"""A sweep: one benchmark a load, and what each load gives its users and the box."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import UsageError
from nemotui.core.goodput import Fault, Measure, Objective, Probe, judged, load_words, unsound
from nemotui.core.models import PublishedRow
from nemotui.core.show import number

GROUP = "sweep"  # in a run's metadata: what it belongs to
FIRST = "first"  # in a run's metadata: the name of the first run of its sweep, whose own does not have it
_WAVES = 4  # of requests a load at least, so that the noise of a point is known
_FEWEST = 3  # loads of a curve
_STRAIGHT = 0.05  # of the span: a curve that bulges less has no knee


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """What is measured, the least first: requests at once where `whole`, else arrivals a second."""

    values: tuple[float, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """A load (requests at once, or a second) and what it gave.

    `per_user` is the tokens a second that one user sees once the answer runs (1000 / mean TPOT), `per_gpu` the output
    tokens a second of a GPU; None where that is not known. `fault` is why nothing may be built on it.
    """

    load: float
    per_user: float | None
    per_gpu: float | None
    output_throughput: float | None
    mean_ttft_ms: float | None
    p99_ttft_ms: float | None
    mean_itl_ms: float | None
    fault: Fault | None
    run: str


def sweep_point(load: float, result: Mapping[str, Any], gpus: int | None) -> SweepPoint:
    """What a run at some load says; `gpus` is how many the server has, None where nobody knows."""
    throughput, tpot = result["output_throughput"], result["mean_tpot_ms"]
    return SweepPoint(
        load=load,
        per_user=1000 / tpot if tpot else None,
        per_gpu=throughput / gpus if throughput is not None and gpus else None,
        output_throughput=throughput,
        mean_ttft_ms=result["mean_ttft_ms"],
        p99_ttft_ms=result["p99_ttft_ms"],
        mean_itl_ms=result["mean_itl_ms"],
        fault=unsound(result),
        run=result["run"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A whole sweep with what stands on the same axes: the sound points of earlier ones, and the published row."""

    points: Sequence[SweepPoint]
    earlier: Sequence[SweepPoint] = ()
    published: SweepPoint | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStep:
    """One load has been measured; `probe` is what the objectives say of it, None without any."""

    point: SweepPoint
    probe: Probe | None = None


async def sweep(
    measure: Measure, spec: BenchSpec, loads: Loads, objectives: Sequence[Objective], gpus: int | None
) -> AsyncGenerator[SweepStep]:
    """One run a load, the least first."""
    for load in loads.values:
        result = await measure(at_load(spec, load, whole=loads.whole, group=GROUP))
        spec = replace(spec, metadata={FIRST: result["run"].rpartition("/")[2], **spec.metadata})
        probe = judged(load, objectives, result) if objectives else None
        yield SweepStep(point=sweep_point(load, result, gpus), probe=probe)


def head(*, whole: bool) -> tuple[str, ...]:
    """Of a table of points."""
    return ("at once" if whole else "req/s", "tok/s", "per GPU", "per user", "TTFT ms", "p99 TTFT", "ITL ms", "")


def cells(point: SweepPoint, word: str) -> tuple[str, ...]:
    """A point as a row below `head`; `word` stands last, unless the point does not count: then why, in a word."""
    return (
        f"{point.load:g}",
        number(point.output_throughput),
        number(point.per_gpu),
        number(point.per_user, digits=1),
        number(point.mean_ttft_ms),
        number(point.p99_ttft_ms),
        number(point.mean_itl_ms, digits=1),
        point.fault.word if point.fault else word,
    )


def at_load(spec: BenchSpec, load: float, *, whole: bool, group: str) -> BenchSpec:
    """The same benchmark at another load, with requests enough for it; `group` is what the runs belong to."""
    metadata = {**spec.metadata, "group": group}
    label = f"{spec.label or group}-{load:g}"
    if whole:
        prompts = max(spec.num_prompts, _WAVES * int(load))
        return replace(spec, max_concurrency=int(load), num_prompts=prompts, label=label, metadata=metadata)
    return replace(spec, max_concurrency=None, request_rate=load, label=label, metadata=metadata)


def word(step: SweepStep) -> str:
    """What the objectives say of a point, in a word or two; empty without any."""
    if step.probe is None:
        return ""
    return (
        "kept" if step.probe.good else f"breaks {step.probe.limit.upper()}" if step.probe.limit else step.probe.reason
    )


def at_once(spec: BenchSpec) -> str:
    """A run's load in a cell: requests at once, or arrivals a second."""
    if spec.request_rate is not None:
        return f"{spec.request_rate:g}/s"
    return "all" if spec.max_concurrency is None else str(spec.max_concurrency)


def parse_loads(text: str) -> Loads:
    """`1,2,4,8`: concurrencies; `0.5,1,2/s`: rates. Raises `UsageError`."""
    listed = text.strip().removesuffix("/s")
    whole = listed == text.strip()
    try:
        values = [int(part) if whole else float(part.strip().removesuffix("/s")) for part in listed.split(",")]
    except ValueError:
        values = []
    if not values or not all(0 < value < math.inf for value in values) or len(set(values)) < len(values):
        fix = "Write it as 1,2,4,8,16 for requests at once, or as 0.5,1,2/s for requests a second."
        raise UsageError("usage", f"--sweep {text!r} is no list of loads", fix)
    return Loads(values=tuple(sorted(values)), whole=whole)


def published_point(row: PublishedRow) -> SweepPoint:
    """A published row on the same axes. It has no TPOT; its mean ITL is a token's time."""
    return SweepPoint(
        load=row.max_concurrency,
        per_user=1000 / row.mean_itl_ms,
        per_gpu=row.output_throughput / row.count,
        output_throughput=row.output_throughput,
        mean_ttft_ms=row.mean_ttft_ms,
        p99_ttft_ms=None,
        mean_itl_ms=row.mean_itl_ms,
        fault=None,
        run=f"published {row.name}",
    )


def knee(points: Sequence[SweepPoint]) -> SweepPoint | None:
    """The load after which more throughput costs each user more than it gives: the point farthest outside the straight
    line between the least and the greatest load, both axes scaled to 0..1 (Satopää et al., "Finding a Kneedle in a
    Haystack", 2011). None of fewer than three sound points, and of a curve without a bulge.
    """
    known = [
        (p.per_user, p.output_throughput, p)
        for p in sorted(points, key=lambda p: p.load)
        if p.fault is None and p.per_user is not None and p.output_throughput is not None
    ]
    if len(known) < _FEWEST:
        return None
    (x0, y0, _), (x1, y1, _) = known[0], known[-1]
    if x0 == x1 or y0 == y1:
        return None
    # On the line the two shares sum to 1; speed that is kept and throughput that is gained both count.
    bulge, _, best = max(((x - x1) / (x0 - x1) + (y - y0) / (y1 - y0) - 1, p.load, p) for x, y, p in known)
    return best if bulge > _STRAIGHT else None


def sweep_sentence(points: Sequence[SweepPoint], *, whole: bool) -> str:
    """The outcome in a line."""
    best, sound = knee(points), sum(point.fault is None for point in points)
    if best is None and sound < _FEWEST:
        return f"No knee is known: {sound} of {len(points)} loads count, and it takes {_FEWEST}"
    if best is None or best.per_user is None or best.output_throughput is None:
        return "No knee: each more load costs each user as much as it gives"
    return (
        f"The knee is at {load_words(best.load, whole)}: {best.output_throughput:,.0f} output tok/s,"
        f" {best.per_user:,.0f} tok/s for each user, TTFT {number(best.mean_ttft_ms, 'ms')}"
    )
