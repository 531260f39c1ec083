"""A result and what stood beside it: energy, price, the server's own figures, and who else was there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nemotui.core.model_server import Observed, ServerMetrics
from nemotui.core.observe import Observation

_LEAST_COVERED = 0.5  # of the run's time: below it the sampled power says nothing of the whole
_GAP_S = 10.0  # between two samples: over a longer one nothing is known
_JOULES_PER_KWH = 3.6e6


def beside(
    result: Mapping[str, Any], observations: Iterable[Observation], price_per_hour: float | None
) -> dict[str, Any]:
    """The result with `energy`, `cost` and `server_side`, each None where it is not known."""
    seen = list(observations)
    return {
        **result,
        "energy": None if result["time_scaled"] else energy(seen, result),
        "cost": None if result["time_scaled"] else cost(result, price_per_hour),
        "server_side": server_side(seen, result),
    }


def energy(observations: Sequence[Observation], result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Joules by sampled power; of a run in which samples are missing, by their mean over its whole time."""
    samples = [
        (min(o.elapsed_s, result["duration"]), o.power_w)
        for o in observations
        if o.phase == "run" and o.power_w is not None
    ]
    spans = [(b[0] - a[0], (a[1] + b[1]) / 2) for a, b in pairwise(samples) if b[0] - a[0] <= _GAP_S]
    covered_s = sum(seconds for seconds, _ in spans)
    if covered_s <= 0 or covered_s < _LEAST_COVERED * result["duration"]:
        return None
    mean_w = sum(seconds * watts for seconds, watts in spans) / covered_s
    joules = mean_w * result["duration"]
    tokens = result["total_output_tokens"]
    return {
        "energy_j": joules,
        "mean_power_w": mean_w,
        "j_per_output_token": joules / tokens if tokens else None,
        "kwh_per_million_output_tokens": joules / tokens * 1e6 / _JOULES_PER_KWH if tokens else None,
        "gpus": max(o.gpus for o in observations),
        "samples": len(samples),
        "source": "sampled power",
    }


def cost(result: Mapping[str, Any], price_per_hour: float | None) -> dict[str, Any] | None:
    """Dollars for a million output tokens at this throughput, where an hour of the machine has a price."""
    throughput = result["output_throughput"]
    if price_per_hour is None or not throughput:
        return None
    return {
        "price_per_hour_usd": price_per_hour,
        "usd_per_million_output_tokens": price_per_hour / 3600 / throughput * 1e6,
    }


def server_side(observations: Sequence[Observation], result: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the server counted over the run, by the difference of its counters; None where it exports none.

    `other_requests`: those that ended there and are not ours; None where it cannot be told. `requests` are those that
    the means are of: the counters are read a moment before or after the clock starts, so a very short run may lack its
    first requests, or have the warm-up.
    """
    during = [o for o in observations if o.phase == "run"]
    known = [o.server for o in during if o.server.e2el is not None]
    if len(known) < 2:
        return None
    first, last = known[0], known[-1]
    restarted = any(_less(b, a) for a, b in pairwise(known))
    ours = result["completed"] + result["failed"] + result["cancelled"]
    ended = None if restarted else _difference(first.e2el, last.e2el)
    others = None if ended is None else max(0, round(ended.count) - ours)
    # The last look before may have less of what is not ours (the warm-up) than the first one in it lacks of what is.
    before = [o.server for o in observations if o.phase != "run" and o.server.e2el is not None][-1:]
    first = min((first, *before), key=lambda look: abs(_ended_since(look, last) - ours))
    ttft, itl, e2el = (
        None if restarted else _difference(getattr(first, name), getattr(last, name))
        for name in ("ttft", "itl", "e2el")
    )
    return {
        "mean_ttft_ms": _mean_ms(ttft),
        "mean_itl_ms": _mean_ms(itl),
        "mean_e2el_ms": _mean_ms(e2el),
        "requests": None if e2el is None else round(e2el.count),
        "other_requests": others,
        "prefix_cache_hit_share": None if restarted else hit_share(first, last),
        "preemptions": _counted(first, last, "preemptions", restarted),
        "max_running": max((s.running for s in known if s.running is not None), default=None),
        "max_waiting": max((s.waiting for s in known if s.waiting is not None), default=None),
        "max_kv_cache_usage": max((s.kv_cache_usage for s in known if s.kv_cache_usage is not None), default=None),
        "restarted": restarted,
    }


def hit_share(first: ServerMetrics, last: ServerMetrics) -> float | None:
    """The share of the prompt tokens between two looks that came from the prefix cache; None where none were asked."""
    if first.prefix_cache_queries is None or last.prefix_cache_queries is None:
        return None
    asked = last.prefix_cache_queries - first.prefix_cache_queries
    hits = (last.prefix_cache_hits or 0.0) - (first.prefix_cache_hits or 0.0)
    return min(1.0, hits / asked) if asked > 0 and hits >= 0 else None


def _less(after: ServerMetrics, before: ServerMetrics) -> bool:
    """A counter has gone back: the server began anew."""
    pairs = ((after.generation_tokens, before.generation_tokens), (after.prompt_tokens, before.prompt_tokens))
    return any(new is not None and old is not None and new < old for new, old in pairs)


def _difference(first: Observed | None, last: Observed | None) -> Observed | None:
    if first is None or last is None or last.count <= first.count:
        return None
    return Observed(sum_s=last.sum_s - first.sum_s, count=last.count - first.count)


def _ended_since(first: ServerMetrics, last: ServerMetrics) -> float:
    ended = _difference(first.e2el, last.e2el)
    return ended.count if ended else 0.0


def _mean_ms(observed: Observed | None) -> float | None:
    return None if observed is None else observed.sum_s / observed.count * 1e3


def _counted(first: ServerMetrics, last: ServerMetrics, name: str, restarted: bool) -> float | None:
    before, after = getattr(first, name), getattr(last, name)
    return None if restarted or before is None or after is None else after - before
