"""Stored runs beside each other, or beside the published row of their hardware: read, with their noise, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nemotui.core.compare import FIGURES, Comparison, Measured, compare, same_side, spread, widest
from nemotui.core.errors import FailedError, NemotuiError, UsageError
from nemotui.core.models import Catalog, PublishedRow
from nemotui.core.ports import Backends
from nemotui.core.report import ReportRun
from nemotui.core.stores import StoredRun
from nemotui.core.sweep import SweepPoint, Swept, published_point


async def compare_stored(b: Backends, runs: Sequence[StoredRun | None]) -> list[Comparison]:
    """Each run beside the first; None is the published row. Raises `FailedError` for one without a result."""
    baseline, *others = runs
    found = []
    for other in others:
        if baseline is None or other is None:
            run = baseline or other
            if run is None:
                raise UsageError("usage", "the published row cannot be compared with itself", "Name a run.")
            ours, row = await _beside_published(b, run)
            found.append(compare(row, ours) if baseline is None else compare(ours, row))
        else:
            found.append(compare(*await _pair(b, baseline, other)))
    return found


async def result_of(b: Backends, run: StoredRun) -> Mapping[str, Any]:
    """The result of a run that has one; raises `FailedError`."""
    if run.status == "broken":
        raise FailedError("broken_run", f"{run.name} cannot be read: {run.problem}")
    if run.status == "running":
        raise FailedError("run_goes_on", f"{run.name} goes on", f"Wait for it: nemotui bench --attach {run.name}")
    try:
        return await b.load.result(run.path)
    except NemotuiError as error:
        raise FailedError("no_result", f"{run.name} has no result: {error.problem.message}") from None


def row_beside(result: Mapping[str, Any], catalog: Catalog) -> PublishedRow | None:
    """The published row of the run's hardware and plan, if there is one."""
    published = result.get("published")
    return next((row for row in catalog.published if published and row.name == published["row"]), None)


def point_beside(result: Mapping[str, Any], catalog: Catalog) -> SweepPoint | None:
    """The published row as a point beside a sweep's, if it has the run's lengths."""
    row = row_beside(result, catalog)
    if row is None or (row.input_len, row.output_len) != (result.get("input_len"), result.get("output_len")):
        return None
    return published_point(row)


async def swept(b: Backends, run: StoredRun) -> tuple[list[ReportRun], Swept]:
    """The whole sweep that a run belongs to, for a report. Raises `UsageError` where it belongs to none."""
    runs = await b.runs.sweep_of(run)
    if not runs:
        fix = "Name a run of one: nemotui runs --containing sweep"
        raise UsageError("no_sweep", f"{run.name} is no run of a sweep that has ended", fix)
    told = [await b.runs.report(one, await result_of(b, one)) for one in runs]
    beside = (point_beside(one.result, b.catalog) for one in told)
    whole = replace(await b.runs.whole_sweep(runs), published=next((point for point in beside if point), None))
    return told, whole


async def _pair(b: Backends, baseline: StoredRun, other: StoredRun) -> tuple[Measured, Measured]:
    repeats = await b.runs.repeats(baseline)
    spreads = [spread(same_side(repeats, baseline.path, other.path))]
    if any(one["run"] == other.path for one in repeats):
        # One setup: what either side tells of its spread holds for both.
        spreads = [widest(*spreads, spread(same_side(repeats, other.path, baseline.path)))] * 2
    else:
        spreads.append(spread(same_side(await b.runs.repeats(other), other.path, baseline.path)))
    first, second = [
        replace(run, noise=widest(run.noise, known))
        for run, known in zip([await _measured(b, baseline), await _measured(b, other)], spreads, strict=True)
    ]
    return first, second


async def _measured(b: Backends, run: StoredRun) -> Measured:
    """With the noise of its own requests."""
    return Measured(name=run.name, result=await result_of(b, run), noise=await b.runs.noise(run))


async def _beside_published(b: Backends, run: StoredRun) -> tuple[Measured, Measured]:
    """The run as vLLM's own tool counts, since the rows were made with it, and the row."""
    ours = await _measured(b, run)
    known = spread(same_side(await b.runs.repeats(run), run.path, ""))
    ours = replace(ours, noise=widest(ours.noise, known))
    row = row_beside(ours.result, b.catalog)
    if row is None:
        raise FailedError(
            "no_published_row",
            f"no published row has the hardware and the plan of {run.name}",
            "The rows are in `nemotui recommend --json`: plans with published true.",
        )
    figures = {
        name: getattr(row, name)
        for name in (*FIGURES, "input_len", "output_len", "max_concurrency")
        if hasattr(row, name)
    }
    return (
        Measured(name=ours.name, result={**ours.result, **ours.result["as_vllm"]}, noise=ours.noise),
        Measured(name=f"published {row.name}", result=figures, noise={}),
    )
