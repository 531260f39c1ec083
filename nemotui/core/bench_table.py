"""A benchmark's result as rows of text, the same on the screen and in the answer of a verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nemotui.core.show import number
from nemotui.core.verdict import cautions, server_says

Row = tuple[str, ...]
STATISTICS = ("mean", "p50", "p90", "p95", "p99")
_COMPARED = {
    "output_throughput": ("output tok/s", 1),
    "total_token_throughput": ("total tok/s", 1),
    "mean_ttft_ms": ("mean TTFT ms", 1),
    "mean_tpot_ms": ("mean TPOT ms", 2),
    "mean_itl_ms": ("mean ITL ms", 2),
    "mean_e2el_ms": ("mean E2EL ms", 0),
}


def totals(result: Mapping[str, Any]) -> str:
    """How much in how long."""
    failed = f", {result['failed']:,} failed" if result["failed"] else ""
    return (
        f"{result['completed']:,} requests in {number(result['duration'], 's', 1)}{failed}"
        f" · {number(result['total_input_tokens'])} tokens in, {number(result['total_output_tokens'])} out"
        f" · {number(result['request_throughput'], 'requests/s', 2)}"
    )


def latencies(result: Mapping[str, Any]) -> list[Row]:
    """The table that people know from `vllm bench serve`, in milliseconds, its head first."""
    rows: list[Row] = [("ms", *STATISTICS)]
    for name in ("ttft", "tpot", "itl", "e2el", "ttfa"):
        digits = 0 if name == "e2el" else 1
        cells = [result.get(f"{statistic}_{name}_ms") for statistic in STATISTICS]
        if name != "ttfa" or cells[0] is not None:  # an answer that is all thinking has no first token of its own
            rows.append((name.upper(), *(number(cell, digits=digits) for cell in cells)))
    return rows


def comparison(result: Mapping[str, Any]) -> list[Row]:
    """Our figures, as vllm bench counts them, the published ones with their ratio, and vllm bench's own; head first."""
    published, other = result.get("published"), result.get("vllm_bench")
    comparable = published is not None and published["comparable"]
    head = ["", "ours", "as vllm"]
    head += ["published", "ratio"] if comparable else []
    head += ["vllm bench"] if other else []
    rows: list[Row] = [tuple(head)]
    for name, (words, digits) in _COMPARED.items():
        cells = [words, number(result[name], digits=digits), number(result["as_vllm"][name], digits=digits)]
        if published is not None and comparable:
            ratio = published.get(f"{name}_ratio")
            cells += [number(published.get(name)), "" if ratio is None else f"{ratio:.2f} ×"]
        if other:
            cells.append(number(other.get(name), digits=digits))
        rows.append(tuple(cells))
    return rows


def facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What to make of it, each a word and a sentence."""
    found = [("asked", asked(result)), ("clock", clock(result))]
    if published := result.get("published"):
        words = f"{published['row']}"
        found.append(
            ("published", words if published["comparable"] else f"{words}: not comparable, {published['reason']}")
        )
    if said := server_says(result):
        found.append(("server", said))
    seen = result.get("server_side")
    if seen and seen["prefix_cache_hit_share"] is not None:
        found.append(("prefixes", f"{seen['prefix_cache_hit_share']:.1%} of the prompt tokens came from the cache"))
    if energy := result.get("energy"):
        found.append(("energy", _energy(energy)))
    if cost := result.get("cost"):
        words = f"${cost['usd_per_million_output_tokens']:,.2f} per million output tokens"
        found.append(("cost", f"{words} at ${cost['price_per_hour_usd']:,.2f} an hour"))
    found += [("failure", f"{kind}: {words}") for kind, words in result.get("error_samples", {}).items()]
    return found + [("note", words) for words in cautions(result)]


def asked(result: Mapping[str, Any]) -> str:
    """The shape, and how requests came."""
    at_once = result["max_concurrency"]
    if result["measured_from"] == "schedule" and isinstance(result["request_rate"], int | float):
        came = (
            f"open loop, {result['request_rate']:g} a second (burstiness {result['burstiness']:g}), from the schedule"
        )
    else:
        came = f"closed loop, {'all' if at_once is None else f'{at_once:,}'} at once"
    shape = f"{result['input_len']:,} in, {result['output_len']:,} out, {result['num_prompts']:,} prompts"
    warmup = f"; {result['warmup']} to warm up, not counted" if result["warmup"] else ""
    return f"{shape}, {came}, mode {result['mode']}, seed {result['seed']}{warmup}"


def clock(result: Mapping[str, Any]) -> str:
    """Where the times come from, and whether they hold."""
    told = result["clock"]
    source = {"kernel": "the kernel's receive time", "user": "the time right after each read"}
    parts = ["trusted" if told["trusted"] else "not trusted", source.get(told["source"], "of an unknown source")]
    if told["coalesced_share"] is not None:
        parts.append(f"{told['coalesced_share']:.1%} of the chunks read together")
    if told["lag_p99_us"] is not None:
        parts.append(f"read {told['lag_p99_us'] / 1000:.2f} ms late at p99")
    if told.get("cpu_us_per_chunk") is not None:
        parts.append(f"{told['cpu_us_per_chunk']:.0f} µs of CPU a chunk")
    if (workers := told.get("workers", 1)) > 1:
        parts.append(f"{workers} load processes")
    return ", ".join(parts)


def _energy(energy: Mapping[str, Any]) -> str:
    gpus = f"{energy['gpus']} GPU{'s' if energy['gpus'] > 1 else ''}"
    parts = [f"{number(energy['energy_j'] / 1000, 'kJ', 1)} by {energy['source']}"]
    parts.append(f"{number(energy['mean_power_w'], 'W')} on {gpus}")
    if energy["j_per_output_token"] is not None:
        parts.append(f"{number(energy['j_per_output_token'], 'J', 2)} an output token")
        parts.append(f"{number(energy['kwh_per_million_output_tokens'], 'kWh', 2)} a million")
    return ", ".join(parts)


def aligned(rows: Sequence[Row], room: int) -> list[str]:
    """Rows with the first cell to the left and figures to the right, two spaces apart where `room` allows, else one."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= room else " "
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append(gap.join(cells).rstrip())
    return lines
