"""One result of several clients' runs against one server: percentiles exact, and whether they may be one at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from nemotui.core.bench import BenchSpec, RequestRecord
from nemotui.core.bench_summary import Gaps, Summary
from nemotui.core.errors import FailedError

# Not the address: each client may know the server by another one.
_SHAPE: Final = ("model", "input_len", "output_len", "mode", "endpoint", "burstiness")
_LEAST_OVERLAP: Final = 0.9  # of the whole time: of less, no moment saw the load of all
_CLOCKS_APART_S: Final = 2.0  # `Date` has whole seconds, so two clients read the same clock up to 1 s apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A client's finished run. `gaps` are needed where the requests did not keep the time of each chunk."""

    name: str
    spec: BenchSpec
    result: Mapping[str, Any]
    requests: Iterable[RequestRecord]
    gaps: Gaps | None = None


def merge(parts: Sequence[Part]) -> dict[str, Any]:
    """The result of all of them as one run; its notes say where that is not quite true.

    Times come from every request and every gap. It lasts from the first client's start to the last one's end, by their
    clocks, corrected by how far each is from the server's. Raises `FailedError` for runs of different things.
    """
    first = parts[0]
    for part in parts[1:]:
        for name in _SHAPE:
            ours, theirs = getattr(first.spec, name), getattr(part.spec, name)
            if ours != theirs:
                told = f"{name} is {ours} in {first.name} and {theirs} in {part.name}"
                raise FailedError(
                    "not_mergeable", f"these runs did not ask the same: {told}", "Merge runs of one load."
                )
    spans = [_span(part) for part in parts]
    begin, end = min(s for s, _ in spans), max(e for _, e in spans)
    together = min(e for _, e in spans) - max(s for s, _ in spans)
    if together <= 0:
        raise FailedError("not_mergeable", "these runs did not overlap in time", "Start them at the same moment.")
    spec = replace(
        first.spec,
        num_prompts=sum(part.spec.num_prompts for part in parts),
        max_concurrency=_sum(part.spec.max_concurrency for part in parts),
        request_rate=_sum(part.spec.request_rate for part in parts),
        label=f"{len(parts)} clients",
    )
    summary = Summary(spec)
    for part in parts:
        _add(summary, part)
    result = summary.result(end - begin)
    notes = [*result["notes"], *_doubts(parts, together / (end - begin))]
    clocks = [part.result.get("clock") or {} for part in parts]
    clock = {
        **result["clock"],
        "source": "kernel" if all(clock.get("source") == "kernel" for clock in clocks) else "user",
        "trusted": all(clock.get("trusted") for clock in clocks),
        "lag_p99_us": max((clock["lag_p99_us"] for clock in clocks if clock.get("lag_p99_us")), default=None),
        "workers": sum(clock.get("workers") or 1 for clock in clocks),
        "notes": [f"{p.name}: {note}" for p, own in zip(parts, clocks, strict=True) for note in own.get("notes", ())],
    }
    return {
        **result,
        "date": min(str(part.result.get("date")) for part in parts),
        "notes": notes,
        "clock": clock,
        "complete": all(part.result.get("complete") for part in parts),
        "reason": next((reason for part in parts if (reason := part.result.get("reason"))), None),
        "merged": [part.name for part in parts],
        "overlap_share": together / (end - begin),
    }


def _add(summary: Summary, part: Part) -> None:
    unkept, before = False, summary.completed
    try:
        for record in part.requests:
            summary.add(record)
            unkept = unkept or record.unkept > 0
    except ValueError as error:
        raise FailedError("not_mergeable", f"the requests of {part.name} cannot be read: {error}") from None
    if (found := summary.completed - before) != part.result.get("completed"):
        told = f"{part.name} has {found:,} of its {part.result.get('completed'):,} requests"
        raise FailedError("not_mergeable", f"{told}, so no percentile would be exact", "Its requests.jsonl was cut.")
    if unkept:
        if part.gaps is None:
            raise FailedError("not_mergeable", f"{part.name} did not keep its ITL", "Measure with --keep-chunks.")
        summary.add_gaps(part.gaps)


def _span(part: Part) -> tuple[float, float]:
    """Its start and end by the server's clock, unix seconds."""
    started, ahead = part.result.get("started_unix_s"), part.result.get("clock_ahead_of_server_s")
    if started is None:
        raise FailedError("not_mergeable", f"{part.name} does not say when it started", "It is of an older nemotui.")
    begin = started - (ahead if ahead is not None and abs(ahead) > _CLOCKS_APART_S else 0.0)
    return begin, begin + part.result["duration"]


def _doubts(parts: Sequence[Part], overlap: float) -> Iterable[str]:
    if overlap < _LEAST_OVERLAP:
        yield (
            f"the runs overlapped for {overlap:.0%} of the time: throughput is that of the whole time, and lower than"
            " while all of them ran"
        )
    for part in parts:
        ahead = part.result.get("clock_ahead_of_server_s")
        if ahead is None:
            yield f"{part.name} could not compare its clock with the server's, so the overlap is by its own"
        elif abs(ahead) > _CLOCKS_APART_S:
            words = "ahead of" if ahead > 0 else "behind"
            yield f"the clock of {part.name} is {abs(ahead):,.0f} s {words} the server's; that was taken out"


def _sum(values: Iterable[Any]) -> Any:
    """The sum; None where one of them is none, since that means without limit."""
    known = list(values)
    return None if None in known else sum(known)
