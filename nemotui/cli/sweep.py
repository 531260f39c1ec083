"""Several benchmarks in a row for `nemotui bench`: a sweep over loads, and the search for goodput."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from nemotui.cli.output import Answer, columns, table, wrapped
from nemotui.cli.verb import Invocation
from nemotui.core.bench import BenchSpec
from nemotui.core.comparing import point_beside
from nemotui.core.errors import NemotuiError, Problem
from nemotui.core.goodput import LEAST_RATE, Found, Measure, Objective, Probe, reasons, search, sentence
from nemotui.core.pareto import KEY, pareto
from nemotui.core.ports import Backends
from nemotui.core.sweep import (
    Loads,
    SweepPoint,
    SweepStep,
    at_load,
    cells,
    head,
    knee,
    sweep,
    sweep_sentence,
    word,
)

_CHART_LINES = 16
_KEPT = "What was measured is kept: nemotui runs"


async def run_sweep(
    inv: Invocation,
    b: Backends,
    spec: BenchSpec,
    loads: Loads,
    objectives: Sequence[Objective],
    measure: Measure,
    gpus: int | None,
) -> Answer:
    """One run a load, the least first; the points as they come, then the chart with its knee.

    Of one that is broken off, since no server answers any more, as many points as there are.
    """
    steps: list[SweepStep] = []
    broken: NemotuiError | None = None
    published: SweepPoint | None = None
    earlier = await b.runs.swept(spec)

    async def measured(one: BenchSpec) -> Mapping[str, Any]:
        nonlocal published
        result = await measure(one)
        published = point_beside(result, b.catalog)
        return result

    try:
        async with aclosing(sweep(measured, spec, loads, objectives, gpus)) as found:
            async for step in found:
                steps.append(step)
                inv.out.event("point", {**_point(step.point), "kept": step.probe.good if step.probe else None})
                inv.out.say(_table(steps, whole=loads.whole).splitlines()[-1])
    except NemotuiError as raised:
        if not steps:
            raise
        broken = raised
    points = [step.point for step in steps]
    best = knee(points)
    told = sweep_sentence(points, whole=loads.whole)
    document = {
        "unit": unit(loads.whole),
        "points": [_point(point) for point in points],
        "published": _point(published) if published else None,
        "knee": _point(best) if best else None,
        "sentence": told,
    }
    faults = [point for point in points if point.fault]
    error = broken.problem if broken else None
    if faults and not broken:
        error = Problem("unsound_points", f"{len(faults)} of {len(points)} points do not count", _KEPT)
    chart = pareto(points, earlier=earlier, published=published, width=columns(), height=_CHART_LINES)
    why = [wrapped(line) for line in reasons([(p.load, p.fault) for p in points], whole=loads.whole)]
    report = f"As a page: nemotui report {points[0].run} --sweep --file sweep.html"
    parts = [
        _table(steps, whole=loads.whole),
        "\n".join([*chart, KEY]),
        *why,
        f"{told}.\n{report}",
    ]
    exit_code = broken.exit_code if broken else 1 if error else 0
    return Answer(document, "\n\n".join(parts), exit_code=exit_code, error=error)


async def run_goodput(
    inv: Invocation, spec: BenchSpec, objectives: Sequence[Objective], measure: Measure, *, most: float, whole: bool
) -> Answer:
    """The search, probe by probe; exit 1 where not even the least load keeps the objectives.

    One that is broken off, since no server answers any more, has its probes and no sentence.
    """
    probes: list[Probe] = []
    try:
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
                        probes.append(event)
                        inv.out.event("probe", _probe(event))
                        kept = "kept" if event.good else "unknown" if event.fault else "broken"
                        inv.out.say(f"{event.load:>8.4g}  {kept:<7}  {event.reason}")
                    case Found():
                        return _found(event, objectives, whole)
    except NemotuiError as error:
        if not probes:
            raise
        best = max((probe for probe in probes if probe.good), key=lambda probe: probe.load, default=None)
        document = _searched(objectives, whole, best, None, probes, None)
        return Answer(document, exit_code=error.exit_code, error=error.problem)
    raise AssertionError("a search ends with what it found")


def _searched(
    objectives: Sequence[Objective],
    whole: bool,
    best: Probe | None,
    beyond: Probe | None,
    probes: Sequence[Probe],
    told: str | None,
) -> dict[str, Any]:
    return {
        "objectives": [asdict(objective) for objective in objectives],
        "unit": unit(whole),
        "best": _probe(best) if best else None,
        "limit": beyond.limit if beyond else None,
        "probes": [_probe(probe) for probe in probes],
        "sentence": told,
    }


def _found(found: Found, objectives: Sequence[Objective], whole: bool) -> Answer:
    told = sentence(found, whole=whole)
    document = _searched(objectives, whole, found.best, found.beyond, found.probes, told)
    asked = ", ".join(map(str, objectives))
    error = None
    if found.best is None:
        fix = "See why above." if found.probes[-1].fault else "Ask for less."
        error = Problem("no_goodput", f"with {asked}, this server {told}", fix)
    why = reasons([(probe.load, probe.fault) for probe in found.probes], whole=whole)
    text = "\n\n".join([*map(wrapped, why), wrapped(f"With {asked}, this server {told}.")])
    return Answer(document, text, exit_code=1 if error else 0, error=error)


def unit(whole: bool) -> str:
    """What a load is a number of."""
    return "concurrency" if whole else "requests/s"


def _point(point: SweepPoint) -> dict[str, Any]:
    return {**asdict(point), "fault": str(point.fault) if point.fault else None}


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "load": probe.load,
        "good": probe.good,
        "reason": str(probe.fault or probe.reason),
        "limit": probe.limit,
        "run": probe.result["run"],
        "output_throughput": probe.result["output_throughput"],
        "mean_tpot_ms": probe.result["mean_tpot_ms"],
    }


def _table(steps: Sequence[SweepStep], *, whole: bool) -> str:
    rows = [cells(step.point, word(step)) for step in steps]
    return table([head(whole=whole), *rows], right=range(7))
