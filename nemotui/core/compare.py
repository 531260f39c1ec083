"""Runs beside each other, figure by figure, with the noise of each taken into account: no winner by chance.

A run's noise is the delete-a-group jackknife over its requests in the order in which they finished: whatever moves in
one part of a run and not in another counts. Requests that run at once share the engine's steps and so its luck, hence
a group is never smaller than what runs at once. Where the same setup was measured several times, the spread of those
runs counts too, since it holds what a single run cannot see: of those before the earlier run of a pair and of those
after the later one, so that what is looked for does not count as noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, stdev
from typing import Any, Final, Literal

from nemotui.core.bench import BenchSpec, RequestRecord
from nemotui.core.bench_summary import PERCENTILES, Summary

Verdict = Literal["better", "worse", "within noise", "unknown"]

THROUGHPUTS: Final = ("output_throughput", "total_token_throughput", "request_throughput")
TIMES: Final = tuple(
    f"{statistic}_{name}_ms"
    for name in ("ttft", "ttfa", "tpot", "itl", "e2el")
    for statistic in ("mean", *(f"p{q}" for q in PERCENTILES))
)
FIGURES: Final = (*THROUGHPUTS, *TIMES)
# What a verdict in words is made of; the more figures are judged, the likelier one of them stands out by chance.
HEADLINES: Final = ("output_throughput", "mean_ttft_ms", "p99_ttft_ms", "mean_itl_ms", "p99_itl_ms", "mean_tpot_ms")

GROUPS: Final = 16
_FEWEST = 4  # groups; below that there is no spread to speak of
_BY_RATE = 8  # requests of a group in an open loop, where nobody says how many run at once
_BEYOND = 5  # samples of independent luck that must lie above a percentile, else it is the fate of one or two
# Two-sided, a figure: with six headlines at most 3 % of pairs of equal runs show any difference.
_ALPHA = 0.005
# Runs of one server on one machine differ by this much for no reason that either of them can see (its clocks, its
# temperature, where its memory lies). Repeated runs say more, see `spread`.
UNSEEN: Final = 0.02
NEAREST: Final = 8  # repetitions on one side of a run: what was long ago was another day's machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The standard error of a figure, relative to it, and the degrees of freedom behind it."""

    error: float
    freedom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run to compare: its result.json and what is known of each figure's noise (nothing for a published row)."""

    name: str
    result: Mapping[str, Any]
    noise: Mapping[str, Noise]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of two runs: `change` is b / a - 1; a `change` within plus or minus `noise` says nothing.

    None is what is not known. Times are milliseconds, throughputs a second.
    """

    name: str
    a: float | None
    b: float | None
    change: float | None
    noise: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Run `b` beside run `a`. `caveats` say why they may not be compared; with any of those no figure has a winner.

    `unlike` are those of them with which a change says nothing at all: another load, requests that failed or are
    missing.
    """

    a: str
    b: str
    figures: tuple[Figure, ...]
    caveats: tuple[str, ...]
    unlike: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        if self.caveats:
            return f"{self.b} and {self.a} cannot be ranked: {self.caveats[0]}"
        told = [f for f in self.figures if f.name in HEADLINES and f.verdict in ("better", "worse")]
        if not told:
            return f"{self.b} is within noise of {self.a}"
        parts = [f"{f.name} {f.change:+.1%} ({f.verdict})" for f in told if f.change is not None]
        return f"{self.b} beside {self.a}: {', '.join(parts)}"


def noise(spec: BenchSpec, records: Iterable[RequestRecord], completed: int) -> dict[str, Noise]:
    """The noise of a run's figures from its requests, of which `completed` succeeded; empty where they are too few.

    A throughput's noise is that of the mean E2EL in a closed loop, where one is the inverse of the other; in an open
    loop it is what the arrivals make it, and unknown.
    """
    at_once = _BY_RATE if spec.open_loop else spec.max_concurrency or max(1, completed)
    groups = min(GROUPS, completed // at_once)
    if groups < _FEWEST:
        return {}
    summaries = [Summary(spec) for _ in range(groups)]
    done = 0
    for record in records:
        if record.failure is None:
            summaries[min(done * groups // completed, groups - 1)].add(record)
            done += 1
    if done != completed:  # a file that was cut, or is not this run's
        return {}
    without = []
    for left_out in summaries:
        rest = Summary(spec)
        for summary in summaries:
            if summary is not left_out:
                rest.merge(summary)
        without.append(rest.times())
    samples = {"itl": completed * (spec.output_len - 1) // at_once}
    found = {
        name: _jackknife([figures.get(name) for figures in without])
        for name in TIMES
        if _tells(name, samples.get(name.split("_")[1], completed))
    }
    if not spec.open_loop:
        found |= dict.fromkeys(THROUGHPUTS, found["mean_e2el_ms"])
    return {name: known for name, known in found.items() if known is not None}


def _tells(name: str, samples: int) -> bool:
    """Whether enough of so many independent samples lie beyond a percentile to speak of its noise."""
    statistic = name.split("_")[0]
    return statistic == "mean" or samples * (1 - int(statistic[1:]) / 100) >= _BEYOND


def _jackknife(estimates: Sequence[float | None]) -> Noise | None:
    values = [value for value in estimates if value is not None]
    if len(values) != len(estimates) or not (mean := sum(values) / len(values)):
        return None
    n = len(values)
    error = math.sqrt((n - 1) / n * sum((value - mean) ** 2 for value in values))
    return Noise(error=error / abs(mean), freedom=n - 1)


def spread(results: Sequence[Mapping[str, Any]]) -> dict[str, Noise]:
    """The noise of one run as repeated runs of the same setup show it; empty for fewer than three."""
    found = {}
    for name in FIGURES:
        values = [result[name] for result in results if result.get(name)]
        if len(values) >= 3:
            found[name] = Noise(error=stdev(values) / (sum(values) / len(values)), freedom=len(values) - 1)
    return found


def same_side(repeats: Sequence[Mapping[str, Any]], run: str, other: str) -> Sequence[Mapping[str, Any]]:
    """Of a run's repetitions, newest first, the nearest that lie on its side of the other run, itself included.

    What changed between the two runs would pass for noise if those after the change stood beside those before it.
    `run` and `other` are directories; an `other` that is no repetition parts nothing.
    """
    paths = [one["run"] for one in repeats]
    if run not in paths:
        return ()
    at = paths.index(run)
    if other not in paths:
        return repeats[max(0, at - NEAREST + 1) : at + NEAREST]
    return repeats[at : at + NEAREST] if paths.index(other) < at else repeats[max(0, at - NEAREST + 1) : at + 1]


def widest(*kinds: Mapping[str, Noise]) -> dict[str, Noise]:
    """Of each figure the largest noise that any of the kinds knows."""
    largest: dict[str, Noise] = {}
    for name, found in (item for kind in kinds for item in kind.items()):
        if name not in largest or found.error > largest[name].error:
            largest[name] = found
    return largest


def compare(a: Measured, b: Measured) -> Comparison:
    """`b` beside `a`, the baseline."""
    unlike = tuple(_unlike(a, b))
    caveats = (*unlike, *_of_each(a, b, _DOUBTFUL))
    figures = (_figure(name, a, b, rank=not caveats) for name in FIGURES)
    return Comparison(
        a=a.name,
        b=b.name,
        caveats=caveats,
        unlike=unlike,
        figures=tuple(f for f in figures if f.a is not None or f.b is not None),
    )


def _figure(name: str, a: Measured, b: Measured, *, rank: bool) -> Figure:
    x, y = a.result.get(name), b.result.get(name)
    change = y / x - 1 if x and y is not None else None
    margin = _margin([known for run in (a, b) if (known := run.noise.get(name))])
    verdict: Verdict = "unknown"
    if rank and change is not None and margin is not None:
        good = change > 0 if name in THROUGHPUTS else change < 0
        verdict = "within noise" if abs(change) <= margin else "better" if good else "worse"
    return Figure(name=name, a=x, b=y, change=change, noise=margin, verdict=verdict)


def _margin(noises: Sequence[Noise]) -> float | None:
    """How large a change chance alone can make; None where no noise is known."""
    if not noises:
        return None
    error = math.hypot(*(known.error for known in noises))
    # Welch-Satterthwaite, for errors of different reliability.
    freedom = error**4 / sum(known.error**4 / known.freedom for known in noises) if error else math.inf
    return max(_student(1 - _ALPHA / 2, freedom) * error, UNSEEN)


def _student(p: float, freedom: float) -> float:
    """The quantile of Student's t, by its expansion around the normal (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(p)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


_SHAPE = ("input_len", "output_len", "max_concurrency", "request_rate", "burstiness", "mode", "endpoint_type")
_Checks = Sequence[tuple[Callable[[Mapping[str, Any]], bool], str]]
_LACKING: Final[_Checks] = (
    (lambda r: not r.get("complete", True), "is not complete"),
    (lambda r: bool(r.get("failed")), "has failed requests"),
)
_DOUBTFUL: Final[_Checks] = (
    (lambda r: bool(r.get("time_scaled")), "ran on scaled time"),
    (lambda r: (r.get("clock") or {}).get("trusted") is False, "has a clock that is not trusted"),
    (lambda r: bool(r.get("beside")), "shared the server with other runs"),
)


def _unlike(a: Measured, b: Measured) -> Iterable[str]:
    for name in _SHAPE:
        x, y = a.result.get(name), b.result.get(name)
        # A published row does not say how its requests came.
        if x != y and name in a.result and name in b.result:
            yield f"{name} is {_words(x)} in {a.name} and {_words(y)} in {b.name}"
    yield from _of_each(a, b, _LACKING)


def _of_each(a: Measured, b: Measured, checks: _Checks) -> Iterable[str]:
    return (f"{run.name} {words}" for run in (a, b) for wrong, words in checks if wrong(run.result))


def _words(value: object) -> str:
    return "not set" if value is None else str(value)
