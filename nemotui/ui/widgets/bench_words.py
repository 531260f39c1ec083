"""A benchmark in words: how far it is, what came out, and what to do when there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from nemotui.core.show import duration, number
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.bench_form import BenchForm
from nemotui.ui.widgets.bar import bar, columns

_STATISTICS = ("mean", "p50", "p90", "p95", "p99")
_STAGES = {"starting": "Starting …", "prepare": "Preparing prompts …", "warmup": "Warming up …"}
_PUBLISHED = {
    "output_throughput_ratio": "output tok/s",
    "total_token_throughput_ratio": "total tok/s",
    "mean_ttft_ms_ratio": "mean TTFT",
    "mean_itl_ms_ratio": "mean ITL",
}


def idle(state: BenchState, form: BenchForm) -> Content:
    """Before the first run: what to do."""
    if state.served is None:
        return Content.assemble(("No server yet.\n", "bold"), ("Press 2 to deploy one.", "$muted"))
    what = "your own figures" if form.preset == "own" else f"the {form.preset} preset"
    return Content.assemble(
        ("Enter", "bold $primary"),
        " measures ",
        (state.served, "bold"),
        f" with {what}.\n",
        ("p switches the preset, e goes into the fields. The run goes on without this console.", "$muted"),
    )


def progress(state: BenchState, width: int) -> Content:
    """How far the run is; one line, at most `width` cells where that is 60 or more."""
    if state.stage in _STAGES:
        return Content.styled(_STAGES[state.stage], "$warning")
    point = state.latest
    if point is None or state.stage == "idle":
        return Content("")
    failed = Content.styled(f" · {point.failed} failed", "bold $error") if point.failed else Content("")
    of = f" of {state.spec.num_prompts:,}" if state.spec else ""
    words = Content.assemble(f" {point.done:,}{of}", failed)
    if state.running:
        eta = "" if state.eta_s is None else f" · ETA {duration(state.eta_s)}"
        words = Content.assemble(words, f" · {point.in_flight} in flight · {duration(point.elapsed_s)}{eta}")
    for_bar = min(60, width - words.cell_length - 1)
    line = Content.assemble(bar(state.progress, for_bar, "$primary"), words) if for_bar >= 8 else words
    errors = ", ".join(f"{count} {kind}" for kind, count in point.errors.items() if count)
    return Content.assemble(line, "\n", (f"errors: {errors}", "$error")) if errors and state.running else line


def report(state: BenchState, width: int) -> Content:
    """The result of a run that has ended, or why there is none."""
    if state.failure is not None:
        where = f"\n\nThe run's directory: {state.run}" if state.run else ""
        return Content.assemble(
            (f"{state.failure.message}\n", "bold $error"), (state.failure.fix, ""), (where, "$muted")
        )
    if state.result is None:
        return Content("")
    result = state.result
    return Content("\n").join([_headline(result), *_table(result, width), *_throughput(result, width), *_notes(result)])


def _headline(result: Mapping[str, Any]) -> Content:
    parts = []
    if result["time_scaled"]:
        parts.append((f" TIME SCALED × {result['time_scale']:g}: no measurement ", "bold $background on $warning"))
        parts.append(("\n", ""))
    if not result["complete"]:
        parts.append((f"Not complete: {result['reason'] or 'requests are missing'}. ", "bold $warning"))
    if result["failed"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result["errors"].items() if kind != "cancelled")
        parts.append((f"{result['failed']:,} failed ({kinds}). ", "bold $error"))
    parts.append((f"{result['completed']:,} requests in {number(result['duration'], 's', 1)}", "bold"))
    return Content.assemble(*parts)


def _table(result: Mapping[str, Any], width: int) -> list[Content]:
    cell = max(7, min(10, (width - 6) // len(_STATISTICS) - 2))
    widths = (5, *[-cell] * len(_STATISTICS))
    rows = [Content.styled(columns(list(zip(("ms", *_STATISTICS), widths, strict=True))), "$muted")]
    for name in ("ttft", "tpot", "itl", "e2el"):
        digits = 0 if name == "e2el" else 1
        cells = (number(result[f"{statistic}_{name}_ms"], digits=digits) for statistic in _STATISTICS)
        rows.append(Content(columns(list(zip((name.upper(), *cells), widths, strict=True)))))
    return rows


def _throughput(result: Mapping[str, Any], width: int) -> list[Content]:
    speed = [
        number(result["output_throughput"], "output tok/s", 1),
        number(result["total_token_throughput"], "total tok/s", 1),
        number(result["request_throughput"], "requests/s", 2),
    ]
    tokens = [
        number(result["total_input_tokens"], "tokens in"),
        number(result["total_output_tokens"], "tokens out"),
    ]
    joined = " · ".join([*speed, *tokens])
    if len(joined) <= width:
        return [Content(joined)]
    return [Content(" · ".join(speed)), Content(" · ".join(tokens))]


def _notes(result: Mapping[str, Any]) -> list[Content]:
    """What to make of it: the published row, the clock, the prompts, and where everything lies."""
    notes = []
    if published := result.get("published"):
        notes.append(Content.assemble(("published ", "$muted"), f"{published['row']}: {_beside(published)}"))
    clock = result["clock"]
    trust = "trusted" if clock["trusted"] else "not trusted"
    notes.append(
        Content.assemble(
            ("clock     ", "$muted"),
            (trust, "$success" if clock["trusted"] else "$warning"),
            "".join(f"; {note}" for note in clock["notes"]),
        )
    )
    if result["approximate_prompts"]:
        notes.append(Content.assemble(("prompts   ", "$muted"), str(result["approximate_prompts"])))
    notes.append(Content.assemble(("run       ", "$muted"), (str(result["run"]), "$muted")))
    return notes


def _beside(published: Mapping[str, Any]) -> str:
    if not published["comparable"]:
        return f"not comparable, {published['reason']}"
    ratios = ((words, published[name]) for name, words in _PUBLISHED.items())
    return ", ".join(f"{words} {ratio:.2f} ×" for words, ratio in ratios if ratio is not None)
