"""Benchmark runs of a batching server with jitter, on a virtual clock: what its client would have written down."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Any

from nemotui.core.bench import PRESETS, BenchSpec, RequestRecord
from nemotui.core.bench_summary import summarise
from nemotui.core.compare import Measured, noise
from nemotui.sim.batching import Scheduler, Sequence, Timing

TIMING = Timing(prefill_tokens_per_s=30_000, decode_base_s=0.008, decode_per_request_s=0.0005)
JITTER = 0.05  # of each step, on its own
DRIFT, KEPT = 0.004, 0.99  # what clocks and temperatures add, and how much of it the next step keeps


def virtual_run(seed: int, *, slower: float = 1.0, **shape: Any) -> tuple[BenchSpec, list[RequestRecord], float]:
    """One closed-loop run: its specification, its requests as they ended, and the seconds that it took.

    Each step takes its time by a factor with noise of its own and a drift in which neighbouring steps are alike.
    """
    spec = BenchSpec(base_url="http://127.0.0.1:8000", **{**PRESETS["quick"], **shape})
    luck = random.Random(seed)
    scheduler = Scheduler(timing=TIMING, max_num_seqs=256)
    todo, live, records = deque(range(spec.num_prompts)), dict[Sequence, tuple[int, float, list[float]]](), []
    now, drift = 0.0, 0.0
    while todo or live:
        while todo and len(live) < (spec.max_concurrency or spec.num_prompts):
            sequence = Sequence(prompt_tokens=spec.input_len, output_tokens=spec.output_len)
            scheduler.add(sequence)
            live[sequence] = (todo.popleft(), now, [])
        step = scheduler.next_step()
        assert step is not None
        drift = KEPT * drift + luck.gauss(0, DRIFT * (1 - KEPT**2) ** 0.5)
        now += step.duration_s * slower * max(0.2, 1 + drift + luck.gauss(0, JITTER))
        scheduler.complete(step)
        for sequence in step.sequences:
            index, began, times = live[sequence]
            times.append(now)
            if sequence.finished:
                del live[sequence]
                records.append(_record(index, began, times, spec))
    return spec, records, now


def _record(index: int, began: float, times: list[float], spec: BenchSpec) -> RequestRecord:
    us = tuple(round((time - began) * 1e6) for time in times)
    return RequestRecord(
        index=index,
        scheduled_s=began,
        sent_s=began,
        ttfb_us=us[0],
        ttft_us=us[0],
        ttfa_us=us[0],
        e2el_us=us[-1],
        end_us=us[-1],
        token_us=us,
        prompt_tokens=spec.input_len,
        completion_tokens=len(us),
        finish_reason="length",
    )


def measured(name: str, seed: int, *, slower: float = 1.0, **shape: Any) -> Measured:
    """The same, ready to be compared."""
    spec, records, seconds = virtual_run(seed, slower=slower, **shape)
    result = {**summarise(spec, records, seconds), "complete": True}
    return Measured(name=name, result=trusted(result), noise=noise(spec, records, len(records)))


def trusted(result: Mapping[str, Any]) -> dict[str, Any]:
    """As if the clock had been watched."""
    return {**result, "clock": {**result["clock"], "trusted": True, "notes": []}}
