"""A benchmark in words: how far it is, and what to do when there is none."""

from __future__ import annotations

import textwrap

from textual.content import Content

from nemotui.core.bench import TimelinePoint
from nemotui.core.bench_clock import BUSY_LIMIT, TOGETHER_LIMIT
from nemotui.core.show import duration
from nemotui.keys.keymap import key_of
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.bench_form import BenchForm
from nemotui.ui.widgets.bar import bar

_STAGES = {"starting": "Starting …", "prepare": "Preparing prompts …", "warmup": "Warming up …"}


def idle(state: BenchState, form: BenchForm, width: int) -> list[Content]:
    """Before the first run: what to do."""
    if state.served is None:
        return [
            Content.styled("No server yet.", "bold"),
            Content.styled(f"{key_of('deploy')}: deploy one, or see how far it is.", "$muted"),
        ]
    what = "your own figures" if form.preset == "own" else f"the {form.preset} preset"
    keys = (
        f"{key_of('bench-preset')} switches the preset, {key_of('bench-edit')} goes into the fields,"
        f" {key_of('bench-sweep')} measures several loads, {key_of('bench-runs')} has the stored runs."
        " The run goes on without this console."
    )
    return [
        Content.assemble(
            (key_of("bench-start"), "bold $primary"), " measures ", (state.served.id, "bold"), f" with {what}."
        ),
        *(Content.styled(line, "$muted") for line in textwrap.wrap(keys, max(20, width))),
    ]


def progress(state: BenchState, width: int) -> list[Content]:
    """How far the run is, and what has failed so far; each a line."""
    point = state.latest
    if state.stage in _STAGES:
        ready = "" if point is None or point.prepared is None else f" {point.prepared:.0%}"
        return [Content.styled(_STAGES[state.stage] + ready, "$warning")]
    if point is None or not state.running:
        return []
    failed = Content.styled(f" · {point.failed:,} failed", "bold $error") if point.failed else Content("")
    of = f" of {state.spec.num_prompts:,}" if state.spec else ""
    eta = "" if state.eta_s is None else f" · ETA {duration(state.eta_s)}"
    words = Content.assemble(
        f"{point.done:,}{of}", failed, f" · {point.in_flight:,} in flight · {duration(point.elapsed_s)}{eta}"
    )
    for_bar = min(60, width - words.cell_length - 1)
    lines = [Content.assemble(bar(state.progress, for_bar, "$primary"), " ", words) if for_bar >= 8 else words]
    if state.replay is not None:
        words = Content.styled(f"Replay × {state.replay.speed:g} of {state.replay.run.name}", "$accent")
        keys = (
            f"   {key_of('bench-slower')} slower   {key_of('bench-faster')} faster   {key_of('bench-stop')} to its end"
        )
        lines.append(Content.assemble(words, (keys, "$muted")))
    if doubt := _own_doubt(point):
        lines.append(Content.styled(f"▲ {doubt}", "$warning"))
    if errors := ", ".join(f"{count:,} {kind}" for kind, count in point.errors.items() if count):
        lines.append(Content.styled(f"errors: {errors}", "$error"))
    return lines


def _own_doubt(point: TimelinePoint) -> str | None:
    """What the clock notices of itself while it runs."""
    if point.worker_cpu is not None and point.worker_cpu > BUSY_LIMIT:
        return f"the client is the bottleneck: a load process takes {point.worker_cpu:.0%} of a core"
    if point.coalesced_share is not None and point.coalesced_share > TOGETHER_LIMIT:
        return f"TPOT holds, not ITL: {point.coalesced_share:.1%} of the chunks are read together with the one before"
    if point.clock_steps:
        return f"the machine's clock was set {point.clock_steps} times"
    return None
