"""Goodput: the highest load that a server carries while it keeps what was promised of TTFT, ITL and E2EL."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import UsageError

Measure = Callable[[BenchSpec], Awaitable[Mapping[str, Any]]]  # one benchmark: its result
QUANTITIES: Final = ("ttft", "tpot", "itl", "e2el")
QUANTILE: Final = "p95"  # what must keep the limit, of all requests (of all gaps for ITL)
PRECISION: Final = 1.1  # the search ends when the first load that fails is at most this much above the best that holds
MOST_PROBES: Final = 8
MOST_CONCURRENCY: Final = 256  # a search goes no further by itself: vLLM's usual max_num_seqs
LEAST_RATE: Final = 0.05  # requests a second
_NAMED: Final = 5  # of the runs that shared a server


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A quantity's p95 at most `limit_ms`."""

    quantity: str
    limit_ms: float

    @property
    def figure(self) -> str:
        """The field of result.json that it is about."""
        return f"{QUANTILE}_{self.quantity}_ms"

    def __str__(self) -> str:
        return f"{self.quantity.upper()} {QUANTILE} < {self.limit_ms:g} ms"


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """`ttft:500,itl:40` (milliseconds); raises `UsageError`."""
    found: dict[str, Objective] = {}
    for part in text.split(","):
        name, _, limit = part.strip().partition(":")
        try:
            limit_ms = float(limit)
        except ValueError:
            limit_ms = math.nan
        if name not in QUANTITIES or not 0 < limit_ms < math.inf or name in found:
            fix = f"Write it as ttft:500,itl:40, in milliseconds, each of {', '.join(QUANTITIES)} once at most."
            raise UsageError("usage", f"--goodput {text!r}: {part!r} is not an objective", fix)
        found[name] = Objective(quantity=name, limit_ms=limit_ms)
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why no figure of a run may be built on: in the few words that a table has room for, and whole."""

    word: str
    why: str

    def __str__(self) -> str:
        return f"{self.word}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A load that was tried: whether all was kept, and if not why, in a few words.

    `limit` is the quantity that was broken most; `fault` is there where the run says nothing of any of them.
    """

    load: float
    good: bool
    reason: str
    limit: str | None
    result: Mapping[str, Any]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The end of a search. `best` None: not even the least load holds. `beyond` None: the most that was asked holds."""

    best: Probe | None
    beyond: Probe | None
    probes: tuple[Probe, ...]


def unsound(result: Mapping[str, Any]) -> Fault | None:
    """Why no figure of a run may be built on; None where all may. An older version may not have said everything."""
    if result.get("failed"):
        errors = (result.get("errors") or {}).items()
        return Fault(word="requests failed", why=", ".join(f"{n} {kind}" for kind, n in errors) or "of unknown kinds")
    if not result.get("complete"):
        return Fault(word="not complete", why=result.get("reason") or "requests are missing")
    clock = result.get("clock") or {}
    if not clock.get("trusted"):
        return Fault(word="clock untrusted", why="; ".join(clock.get("notes", ())) or "no request was measured")
    if beside := result.get("beside"):
        return Fault(word="server shared", why=f"other runs used it meanwhile: {', '.join(beside[:_NAMED])}")
    return None


async def once_more(measure: Measure, spec: BenchSpec, again: Callable[[Fault], None]) -> Mapping[str, Any]:
    """One benchmark of several, measured a second time where the load generator itself spoilt the first.

    A busy moment of its machine passes; what a server does, or the run, comes again. `again` is told why before that.
    """
    result = await measure(spec)
    fault = unsound(result)
    if fault is None or not (result.get("clock") or {}).get("passing"):
        return result
    again(fault)
    return await measure(spec)


def judged(load: float, objectives: Sequence[Objective], result: Mapping[str, Any]) -> Probe:
    """A run at some load against the objectives. Failures and a clock that is not trusted are never good."""
    if fault := unsound(result):
        return Probe(load=load, good=False, reason=fault.word, limit=None, result=result, fault=fault)
    shares = {o: result[o.figure] / o.limit_ms for o in objectives if result[o.figure] is not None}
    if len(shares) < len(objectives):
        missing = next(o for o in objectives if o not in shares)
        return Probe(load=load, good=False, reason=f"{missing.figure} is not known", limit=None, result=result)
    worst = max(objectives, key=lambda o: shares[o])
    told = f"{worst.quantity.upper()} {QUANTILE} {result[worst.figure]:,.0f} of {worst.limit_ms:,.0f} ms"
    return Probe(load=load, good=shares[worst] < 1, reason=told, limit=worst.quantity, result=result)


async def search(
    measure: Callable[[float], Awaitable[Mapping[str, Any]]],
    objectives: Sequence[Objective],
    *,
    least: float,
    most: float,
    whole: bool,
) -> AsyncGenerator[Probe | Found]:
    """Probes as they end, then `Found`: the highest load between `least` and `most` that holds, within `PRECISION`.

    `measure` runs one benchmark at a load: concurrency where `whole`, else a rate. The logarithm of the load is
    bisected, so seven probes tell 1 from 1,024 within 10 %, and an eighth asks an end that was never tried. The
    quantities grow with the load; where they do not, the best is still a load that was measured and held.
    """
    probes: list[Probe] = []
    low, high = least, most  # `low` is held to be good and `high` to be bad until one of them is all that is left
    best: Probe | None = None
    beyond: Probe | None = None

    async def probe(load: float) -> Probe:
        nonlocal best, beyond
        tried = judged(load, objectives, await measure(load))
        probes.append(tried)
        if tried.good:
            best = tried
        else:
            beyond = tried
        return tried

    while len(probes) < MOST_PROBES - 1 and high / low > PRECISION and not (whole and high - low <= 1):
        middle = math.sqrt(low * high)
        # A rate is read by people; three digits are far finer than `PRECISION`.
        middle = min(max(round(middle), low + 1), high - 1) if whole else float(f"{middle:.3g}")
        tried = await probe(middle)
        low, high = (middle, high) if tried.good else (low, middle)
        yield tried
    # Nothing that was tried held, or everything did: then the answer is at an end of the range.
    if best is None:
        yield await probe(least)
    elif beyond is None:
        yield await probe(most)
    yield Found(best=best, beyond=beyond, probes=tuple(probes))


def sentence(found: Found, *, whole: bool) -> str:
    """The outcome for people: "serves 24 users at 40 tok/s each; the limit is TTFT"."""
    if found.best is None:
        first = found.probes[-1]
        if first.fault is not None:
            return f"cannot be judged: at {load_words(first.load, whole)} {first.reason}"
        return f"does not serve even {load_words(first.load, whole)}: {first.reason}"
    best = found.best
    per_user = best.result.get("mean_tpot_ms")
    each = f" at {1000 / per_user:,.0f} tok/s each" if per_user else ""
    text = f"serves {load_words(best.load, whole)}{each}"
    if found.beyond is None:
        return f"{text}, the most that was asked"
    if found.beyond.limit is None:
        return f"{text}; at {load_words(found.beyond.load, whole)} {found.beyond.reason}"
    return f"{text}; the limit is {found.beyond.limit.upper()}"


def load_words(load: float, whole: bool) -> str:
    """`24 users`, `2.5 requests/s`."""
    return f"{load:,.0f} {'user' if load == 1 else 'users'}" if whole else f"{load:g} requests/s"


def reasons(faults: Sequence[tuple[float, Fault | None]], *, whole: bool) -> list[str]:
    """What a table's words stand for, each said once, with the loads that it befell."""
    told = []
    for word in dict.fromkeys(fault.word for _, fault in faults if fault):
        befell = [(load, fault) for load, fault in faults if fault and fault.word == word]
        loads = ", ".join(f"{load:g}" for load, _ in befell)
        at = f" with {loads} at once" if whole else f" at {loads} requests/s"
        first = f"; {'with' if whole else 'at'} {befell[0][0]:g}" if len(befell) > 1 else ""
        told.append(f"{word}{at}{first}: {befell[0][1].why}")
    return told
