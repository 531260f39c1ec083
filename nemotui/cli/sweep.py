"""Several benchmarks in a row for `nemotui bench`: a sweep over loads, and the search for goodput."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from nemotui.cli.output import Answer, columns, table
from nemotui.cli.verb import Invocation
from nemotui.core.bench import BenchSpec
from nemotui.core.comparing import row_beside
from nemotui.core.errors import Problem
from nemotui.core.goodput import Found, Measure, Objective, Probe, search, sentence
from nemotui.core.models import PublishedRow
from nemotui.core.pareto import KEY, pareto
from nemotui.core.ports import Backends
from nemotui.core.sweep import (
    HEAD,
    SweepPoint,
    SweepStep,
    at_load,
    cells,
    knee,
    published_point,
    sweep,
    sweep_sentence,
)

_CHART_LINES = 16
LEAST_RATE = 0.05  # requests a second


async def run_sweep(
    inv: Invocation,
    b: Backends,
    spec: BenchSpec,
    loads: Sequence[int],
    objectives: Sequence[Objective],
    measure: Measure,
    gpus: int | None,
) -> Answer:
    """One run a load, the least first; the points as they come, then the chart with its knee."""
    steps: list[SweepStep] = []
    published: SweepPoint | None = None
    earlier = await b.runs.swept(spec)

    async def measured(one: BenchSpec) -> Mapping[str, Any]:
        nonlocal published
        result = await measure(one)
        row = row_beside(result, b.catalog)
        published = published_point(row) if row is not None and _same_shape(spec, row) else None
        return result

    async with aclosing(sweep(measured, spec, loads, objectives, gpus)) as found:
        async for step in found:
            steps.append(step)
            inv.out.event("point", {**asdict(step.point), "kept": step.probe.good if step.probe else None})
            inv.out.say("\n".join(_table(steps)) if len(steps) == len(loads) else _line(step.point))
    points = [step.point for step in steps]
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
    chart = pareto(points, earlier=earlier, published=published, width=columns(), height=_CHART_LINES)
    text = "\n".join([*chart, KEY, "", told])
    return Answer(document, text, exit_code=1 if error else 0, error=error)


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
    return "  ".join(cells(point, ""))


def _table(steps: Sequence[SweepStep]) -> list[str]:
    words = [("kept" if step.probe.good else step.probe.reason) if step.probe else "" for step in steps]
    rows = [cells(step.point, word) for step, word in zip(steps, words, strict=True)]
    return table([HEAD, *rows], right=range(7)).splitlines()
