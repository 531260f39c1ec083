"""A benchmark's result in one sentence, and what a reader has to know of its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nemotui.core.bench_clock import TOKENS_PER_CHUNK_LIMIT

_AS_PUBLISHED = 0.005  # a ratio this near to 1 is no difference
_FAR = 0.1  # between the server's mean and the client's: more than the way between them


def verdict(result: Mapping[str, Any]) -> str:
    """`94 % of the published throughput; TTFT 8 % better; clock trusted`. Failures and gaps come first."""
    return "; ".join([*_whole(result), *_figures(result), _clock(result)])


def _whole(result: Mapping[str, Any]) -> list[str]:
    parts = []
    if not result["complete"]:
        ended = f"{result['completed']:,} of {result['num_prompts']:,} requests are measured"
        parts.append(f"not complete, {result.get('reason') or 'requests are missing'}: {ended}")
    if result["failed"]:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in result["errors"].items() if kind != "cancelled")
        parts.append(f"{result['failed']:,} of {result['num_prompts']:,} requests failed ({kinds})")
    return parts


def _figures(result: Mapping[str, Any]) -> list[str]:
    if result["time_scaled"]:
        return [f"time scaled × {result['time_scale']:g}, so no figure is a measurement"]
    throughput = result["output_throughput"]
    published = result.get("published")
    if published is None or not published["comparable"]:
        return [] if throughput is None else [f"{throughput:,.0f} output tok/s"]
    parts = []
    if ratio := published["output_throughput_ratio"]:
        parts.append(f"{ratio * 100:.0f} % of the published throughput")
    latencies = {name: published[f"mean_{name}_ms_ratio"] for name in ("ttft", "itl")}
    return parts + [f"{name.upper()} {_latency(ratio)}" for name, ratio in latencies.items() if ratio]


def _latency(ratio: float) -> str:
    if abs(ratio - 1) < _AS_PUBLISHED:
        return "as published"
    return f"{abs(1 - ratio) * 100:.0f} % {'better' if ratio < 1 else 'worse'}"


def _clock(result: Mapping[str, Any]) -> str:
    return "clock trusted" if result["clock"]["trusted"] else "clock not trusted"


def cautions(result: Mapping[str, Any]) -> list[str]:
    """What keeps the figures from being taken as they stand, each a sentence without its stop."""
    found = []
    if not result["time_scaled"] and result["metadata"].get("server") == "pretend":
        found.append("a pretend server answered: no figure here is a measurement")
    if prompts := result.get("approximate_prompts"):
        found.append(f"prompts are of about that length: {prompts}")
    found += [*result.get("notes", ()), *result["clock"]["notes"]]
    if cancelled := result.get("cancelled"):
        found.append(f"{cancelled:,} requests were cancelled when the run ended and count nowhere")
    beside = (name for name in result["metadata"].get("beside", ()) if name not in "".join(result.get("notes", ())))
    found += [f"another benchmark, {name}, was going on there" for name in beside]
    seen = result.get("server_side")
    if seen and seen["restarted"]:
        found.append("the server was restarted in the middle of the run")
    if seen and seen["other_requests"]:
        found.append(f"the server answered {seen['other_requests']:,} requests of others meanwhile: it was shared")
    return found


def server_says(result: Mapping[str, Any]) -> str | None:
    """The server `says mean TTFT 101 ms, client 103 ms`, and whether they are far apart; None: it says nothing."""
    seen = result.get("server_side")
    if not seen:
        return None
    parts, far = [], False
    # Of a run with failures, and of others' requests, the server counts what we leave out.
    whole = result["complete"] and not result["failed"] and seen.get("requests") == result["completed"]
    per_chunk = result.get("tokens_per_chunk")
    itl = "tpot" if per_chunk is not None and per_chunk > TOKENS_PER_CHUNK_LIMIT else "itl"  # the server's is a token's
    for name, own in (("ttft", "ttft"), ("itl", itl)):
        theirs, ours = seen[f"mean_{name}_ms"], result[f"mean_{own}_ms"]
        if theirs is not None and ours is not None:
            digits = 0 if ours >= 100 else 1
            client = "client" if own == name else f"client's {own.upper()}"
            parts.append(f"mean {name.upper()} {theirs:,.{digits}f} ms, {client} {ours:,.{digits}f} ms")
            far = far or (whole and abs(theirs - ours) > max(_FAR * ours, 1.0))
    if not parts:
        return None
    of = "" if whole or seen.get("requests") is None else f", of {seen['requests']:,} requests"
    said = f"says {'; '.join(parts)}{of}"
    return f"{said} (far apart: something lies between them, or others use the server)" if far else said
