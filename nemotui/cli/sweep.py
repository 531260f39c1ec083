"""Several benchmarks in a row for `nemotui bench`: a sweep over loads, and the search for goodput."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

from nemotui.adapters.published import gpus_of, row_of
from nemotui.cli.output import Answer, columns, table
from nemotui.cli.verb import Invocation
from nemotui.core.bench import BenchSpec
from nemotui.core.errors import Problem, UsageError
from nemotui.core.goodput import Found, Objective, Probe, judged, search, sentence
from nemotui.core.models import Catalog, PublishedRow
from nemotui.core.scatter import scatter
from nemotui.core.show import number
from nemotui.core.sweep import SweepPoint, knee, published_point, sweep_point, sweep_sentence

Measure = Callable[[BenchSpec], Awaitable[Mapping[str, Any]]]
_WAVES = 4  # of requests a load at least, so that the noise of a point is known
_CHART_LINES = 16
LEAST_RATE = 0.05  # requests a second


def parse_loads(text: str) -> tuple[int, ...]:
    """`1,2,4,8`: concurrencies; raises `UsageError`."""
    try:
        loads = tuple(int(part) for part in text.split(","))
    except ValueError:
        loads = ()
    if not loads or min(loads) < 1 or len(set(loads)) < len(loads):
        raise UsageError("usage", f"--sweep {text!r} is no list of concurrencies", "Write it as 1,2,4,8,16.")
    return tuple(sorted(loads))


def at_load(spec: BenchSpec, load: float, *, whole: bool, group: str) -> BenchSpec:
    """The same benchmark at another load, with requests enough for it; `group` is what the runs belong to."""
    metadata = {**spec.metadata, "group": group}
    label = f"{spec.label or group}-{load:g}"
    if whole:
        prompts = max(spec.num_prompts, _WAVES * int(load))
        return replace(spec, max_concurrency=int(load), num_prompts=prompts, label=label, metadata=metadata)
    return replace(spec, max_concurrency=None, request_rate=load, label=label, metadata=metadata)


async def run_sweep(
    inv: Invocation,
    spec: BenchSpec,
    loads: Sequence[int],
    objectives: Sequence[Objective],
    measure: Measure,
    catalog: Catalog,
) -> Answer:
    """One run a load, the least first; the points as they come, then the chart with its knee."""
    points: list[SweepPoint] = []
    kept: list[Probe] = []
    for load in loads:
        result = await measure(at_load(spec, load, whole=True, group="sweep"))
        points.append(sweep_point(load, result, gpus_of(result["run"])))
        probe = judged(load, objectives, result) if objectives else None
        if probe is not None:
            kept.append(probe)
        inv.out.event("point", {**asdict(points[-1]), "kept": probe.good if probe else None})
        inv.out.say("\n".join(_table(points, kept)) if load == loads[-1] else _line(points[-1]))
    row = row_of(points[0].run, catalog)
    published = published_point(row) if row is not None and _same_shape(spec, row) else None
    best = knee(points)
    told = sweep_sentence(points)
    document = {
        "points": [asdict(point) for point in points],
        "published": asdict(published) if published else None,
        "knee": asdict(best) if best else None,
        "sentence": told,
    }
    faults = [f"at {point.load:g} {point.fault}" for point in points if point.fault]
    error = None
    if faults:
        error = Problem(
            "unsound_points", f"{len(faults)} of {len(points)} points do not count: {faults[0]}", "See `nemotui runs`."
        )
    text = "\n".join([*pareto(points, published, columns()), "", told])
    return Answer(document, text, exit_code=1 if error else 0, error=error)


def pareto(points: Sequence[SweepPoint], published: SweepPoint | None, width: int) -> list[str]:
    """Output throughput against each user's speed: `●` a load, `◆` the knee, `○` unsound, `P` the published point."""
    per_gpu = all(point.per_gpu is not None for point in points)
    marked = []
    best = knee(points)
    for point in [*([published] if published else []), *points]:
        height = point.per_gpu if per_gpu else point.output_throughput
        if point.per_user is not None and height is not None:
            sign = "P" if point is published else "◆" if point is best else "○" if point.fault else "●"
            marked.append((point.per_user, height, sign))
    return scatter(
        marked,
        width=width,
        height=_CHART_LINES,
        x_label="tok/s for each user",
        y_label="output tok/s per GPU" if per_gpu else "output tok/s",
    )


async def run_goodput(
    inv: Invocation, spec: BenchSpec, objectives: Sequence[Objective], measure: Measure, *, most: float, whole: bool
) -> Answer:
    """The search, probe by probe; exit 1 where not even the least load keeps the objectives."""
    async with aclosing(
        search(
            lambda load: measure(at_load(spec, load, whole=whole, group="goodput")),
            objectives,
            least=1 if whole else min(LEAST_RATE, most),
            most=most,
            whole=whole,
        )
    ) as events:
        async for event in events:
            match event:
                case Probe():
                    inv.out.event("probe", _probe(event))
                    inv.out.say(f"{event.load:>8.4g}  {'kept' if event.good else 'broken':<6}  {event.reason}")
                case Found():
                    return _found(event, objectives, whole)
    raise AssertionError("a search ends with what it found")


def _found(found: Found, objectives: Sequence[Objective], whole: bool) -> Answer:
    told = sentence(found, whole=whole)
    document = {
        "objectives": [asdict(objective) for objective in objectives],
        "unit": "concurrency" if whole else "requests/s",
        "best": _probe(found.best) if found.best else None,
        "limit": found.beyond.limit if found.beyond else None,
        "probes": [_probe(probe) for probe in found.probes],
        "sentence": told,
    }
    asked = ", ".join(map(str, objectives))
    error = None if found.best else Problem("no_goodput", f"with {asked}, this server {told}", "Ask for less.")
    return Answer(document, f"With {asked}, this server {told}.", exit_code=1 if error else 0, error=error)


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "load": probe.load,
        "good": probe.good,
        "reason": probe.reason,
        "limit": probe.limit,
        "run": probe.result["run"],
        "output_throughput": probe.result["output_throughput"],
        "mean_tpot_ms": probe.result["mean_tpot_ms"],
    }


def _same_shape(spec: BenchSpec, row: PublishedRow) -> bool:
    return (spec.input_len, spec.output_len) == (row.input_len, row.output_len)


def _line(point: SweepPoint) -> str:
    return "  ".join(_cells(point, ""))


def _table(points: Sequence[SweepPoint], kept: Sequence[Probe]) -> list[str]:
    head: tuple[str, ...] = ("at once", "tok/s", "per GPU", "per user", "TTFT ms", "p99 TTFT", "ITL ms", "")
    words = [("kept" if probe.good else probe.reason) for probe in kept] or [""] * len(points)
    rows = [_cells(point, word) for point, word in zip(points, words, strict=True)]
    return table([head, *rows], right=range(7)).splitlines()


def _cells(point: SweepPoint, word: str) -> tuple[str, ...]:
    return (
        f"{point.load:g}",
        number(point.output_throughput),
        number(point.per_gpu),
        number(point.per_user, digits=1),
        number(point.mean_ttft_ms),
        number(point.p99_ttft_ms),
        number(point.mean_itl_ms, digits=1),
        point.fault or word,
    )
