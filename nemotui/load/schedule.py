"""When requests go out, and which process sends them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

from nemotui.core.bench import BenchSpec

# What a load process takes on with ease; twice as much still goes.
CHUNKS_PER_WORKER = 30_000
_LIKELY_ITL_S = 0.01


def arrivals(spec: BenchSpec) -> Iterator[float]:
    """Seconds after the start at which requests are due: gaps of a gamma distribution whose mean is 1 / rate."""
    assert spec.request_rate is not None
    gaps, at = random.Random(f"{spec.seed} arrivals"), 0.0
    for _ in range(spec.num_prompts):
        yield at
        at += gaps.gammavariate(spec.burstiness, 1 / (spec.request_rate * spec.burstiness))


def at_once(spec: BenchSpec) -> int:
    """The most requests that can be under way."""
    return min(spec.num_prompts, spec.max_concurrency or spec.num_prompts)


@dataclass(frozen=True, slots=True)
class Share:
    """What one process sends, `slots` of them at once; `first` is the number of the first request of all.

    In a closed loop a process has as many requests as its slots serve in equal turns: with one more than the others it
    would go on alone for a whole turn, and the run would seem slower than the server is.
    """

    spec: BenchSpec
    worker: int = 0
    workers: int = 1
    first: int = 0

    @property
    def slots(self) -> int:
        """Its part of the concurrency."""
        return len(range(self.worker, at_once(self.spec), self.workers))

    def requests(self) -> Iterator[tuple[int, float]]:
        """(number, seconds after the start at which it is due); in a closed loop all are due from the start."""
        if self.spec.open_loop:
            return ((i + self.first, at) for i, at in enumerate(arrivals(self.spec)) if i % self.workers == self.worker)
        turn = at_once(self.spec)
        mine = (i for i in range(self.spec.num_prompts) if i % turn % self.workers == self.worker)
        return ((i + self.first, 0.0) for i in mine)


def shares(spec: BenchSpec, workers: int, first: int = 0) -> list[Share]:
    """The run, divided."""
    return [Share(spec, worker, workers, first) for worker in range(min(workers, at_once(spec)))]


def workers_for(spec: BenchSpec, itl_s: float | None) -> int:
    """As many processes as the chunks of a second need, at most one for two processors: the server needs some too.

    `itl_s` is what one request alone had; with more at once it only grows.
    """
    if spec.workers is not None:
        return min(spec.workers, at_once(spec))
    chunks = at_once(spec) / (itl_s or _LIKELY_ITL_S)
    if spec.request_rate is not None:
        chunks = min(chunks, spec.request_rate * spec.output_len)
    most = max(1, len(os.sched_getaffinity(0)) // 2)
    return min(max(1, -int(-chunks // CHUNKS_PER_WORKER)), most, at_once(spec))
