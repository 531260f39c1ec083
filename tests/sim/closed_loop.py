"""The published benchmark's loop on a virtual clock: what a client of the batching model would measure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from nemotui.sim.batching import Scheduler, Sequence


@dataclass(frozen=True, slots=True)
class LoopResult:
    """What a closed loop measured: means in seconds, rates in tokens a second of virtual time."""

    mean_ttft_s: float
    mean_itl_s: float
    output_throughput: float
    total_token_throughput: float


def closed_loop(
    scheduler: Scheduler, *, prompts: Iterable[int], output_tokens: int, max_concurrency: int
) -> LoopResult:
    """Run a benchmark with no delay between a reply and the next request, on a virtual clock.

    `prompts` are prompt lengths in tokens. This is `vllm bench serve --request-rate inf --max-concurrency N` against
    an ideal network.
    """
    todo = deque(prompts)
    input_tokens = sum(todo)
    now = 0.0
    live: list[tuple[Sequence, float, list[float]]] = []
    ttfts: list[float] = []
    gaps: list[float] = []
    while True:
        while todo and len(live) < max_concurrency:
            sequence = Sequence(prompt_tokens=todo.popleft(), output_tokens=output_tokens)
            scheduler.add(sequence)
            live.append((sequence, now, []))
        step = scheduler.next_step()
        if step is None:
            break
        now += step.duration_s
        scheduler.complete(step)
        stepped = set(step.sequences)
        for sequence, _, times in live:
            if sequence in stepped:
                times.append(now)
        for _, began, times in (entry for entry in live if entry[0].finished):
            ttfts.append(times[0] - began)
            gaps.extend(b - a for a, b in pairwise(times))
        live = [entry for entry in live if not entry[0].finished]
    produced = len(ttfts) * output_tokens
    return LoopResult(
        mean_ttft_s=sum(ttfts) / len(ttfts),
        mean_itl_s=sum(gaps) / len(gaps) if gaps else 0.0,
        output_throughput=produced / now,
        total_token_throughput=(produced + input_tokens) / now,
    )
