"""The clock's verdict on itself: how a run was timed, and which of its figures that leaves in doubt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nemotui.core.bench import BenchSpec
from nemotui.core.histogram import Histogram

# Two token chunks of one stream closer than this came together: no engine steps so fast. Their gap says nothing then.
BURST_US = 100
# Above these the clock is not trusted, and a note says which figure to use instead.
TOGETHER_LIMIT = 0.01  # of the chunks
LAG_LIMIT_US = 5000  # of times taken after the read
LATE_SHARE = 0.01  # of a request
BEHIND_US = 1000  # where reads as late as this are no fewer than chunks read together, these were so for our being late
BUSY_LIMIT = 0.9  # of a core
TOKENS_PER_CHUNK_LIMIT = 1.05
USER_LIMIT = 0.01  # of the reads


@dataclass(slots=True, kw_only=True)
class ClockWatch:
    """What the load processes noticed of themselves while they measured.

    `lag` is the time from a chunk's arrival to its reading, a sample a read; `user_reads` are those without a kernel
    time; `steps` is how often the machine's clock was set. `busiest` is the core's share that the busiest process took.
    """

    lag: Histogram = field(default_factory=Histogram)
    user_reads: int = 0
    steps: int = 0
    largest_step_us: int = 0
    workers: int = 1
    cpu_s: float = 0.0
    busiest: float = 0.0
    started_monotonic_ns: int | None = None

    @property
    def source(self) -> str | None:
        """Whose time the chunks have, `kernel` or `user`; None before there was one."""
        reads = len(self.lag)
        return None if not reads else "user" if self.user_reads > USER_LIMIT * reads else "kernel"

    @property
    def behind_share(self) -> float:
        """Of the reads, those so late that chunks may have gathered meanwhile."""
        return 1 - self.lag.below(BEHIND_US) / len(self.lag) if len(self.lag) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """Token chunks of the completed requests: all, those that one read brought with the one before, and those that
    came hard on the heels of it by themselves. `request_us` is what a request took on average."""

    all: int
    coalesced: int
    bursts: int
    tokens_per_chunk: float | None
    request_us: float | None = None

    def share(self, part: int) -> float | None:
        """Of all."""
        return part / self.all if self.all else None


def clock_verdict(spec: BenchSpec, watch: ClockWatch, chunks: Chunks) -> dict[str, Any]:
    """The result's `clock`. `passing`: all that is in doubt is our own doing, and may be well the next time."""
    lag_p99_us = watch.lag.percentile(99)
    late, burst = _together(chunks, watch.behind_share)
    own = [*late, *_own(watch, lag_p99_us, chunks)]
    others = []
    if chunks.tokens_per_chunk is not None and chunks.tokens_per_chunk > TOKENS_PER_CHUNK_LIMIT:
        others.append(
            f"a chunk holds {chunks.tokens_per_chunk:.2f} tokens on average: ITL is a gap of chunks; TPOT is a token's"
            " time"
        )
    if spec.time_scale != 1:
        others.append(f"time scaled: the server runs {spec.time_scale:g} times faster than life")
    return {
        "source": watch.source,
        "trusted": bool(chunks.all) and not (own or burst or others),
        "passing": bool(own) and not (burst or others),
        "coalesced_share": chunks.share(chunks.coalesced),
        "burst_share": chunks.share(chunks.bursts),
        "lag_p99_us": None if lag_p99_us is None else round(lag_p99_us),
        "workers": watch.workers,
        "cpu_us_per_chunk": watch.cpu_s * 1e6 / chunks.all if chunks.all and watch.cpu_s else None,
        "busiest_worker_cores": watch.busiest if watch.cpu_s else None,
        "steps": watch.steps,
        "started_monotonic_ns": watch.started_monotonic_ns,
        "notes": burst + own + others,
    }


def _together(chunks: Chunks, behind: float) -> tuple[list[str], list[str]]:
    """Chunks that came together, by our being late, and by the server's doing: one that sends in bursts is not late."""
    coalesced, bursts = chunks.share(chunks.coalesced) or 0.0, chunks.share(chunks.bursts) or 0.0
    late, said = [], []
    if coalesced > TOGETHER_LIMIT and behind >= coalesced:
        late.append(
            f"the load generator is the bottleneck: {coalesced:.1%} of the chunks were read together with the one"
            " before; use TPOT instead of ITL, or measure with more --workers or fewer requests at once"
        )
    elif coalesced > TOGETHER_LIMIT:
        said.append(f"{coalesced:.1%} of the chunks came together with the one before: use TPOT instead of ITL")
    if bursts > TOGETHER_LIMIT:
        said.append(
            f"{bursts:.1%} of the chunks came within {BURST_US / 1000:g} ms of the one before, so the server sends in"
            " bursts: use TPOT instead of ITL"
        )
    return late, said


def _own(watch: ClockWatch, lag_p99_us: float | None, chunks: Chunks) -> list[str]:
    """What the load generator's own work did to the figures."""
    if watch.source is None:
        return ["nothing is left of what the load process noticed of itself: whether it kept up is not known"]
    said = []
    late_us, request_us = lag_p99_us or 0.0, chunks.request_us
    hold = "TTFT and TPOT hold" if (chunks.share(chunks.coalesced) or 0.0) > TOGETHER_LIMIT else "TTFT and ITL hold"
    if watch.source == "user" and late_us > LAG_LIMIT_US:
        said.append(f"the load generator was late by up to {late_us / 1000:.1f} ms: {hold} within that")
    elif watch.source == "kernel" and request_us and late_us > LATE_SHARE * request_us:
        # The times are the kernel's; being late costs what it delays a stream's next request by.
        said.append(
            f"the load generator read up to {late_us / 1000:.1f} ms late: {hold}, but the next request of a stream"
            f" went out so much later, so throughput may be up to {late_us / (late_us + request_us):.0%} low"
        )
    if watch.source == "user" and watch.user_reads < len(watch.lag):
        said.append(f"{watch.user_reads:,} of {len(watch.lag):,} reads came without the kernel's time: ITL is mixed")
    if watch.busiest > BUSY_LIMIT:
        said.append(
            f"a load process took {watch.busiest:.0%} of a core: throughput may be its own; measure with more --workers"
        )
    if watch.steps:
        said.append(
            f"the machine's clock was set while it ran ({watch.steps} times, by up to"
            f" {watch.largest_step_us / 1000:.1f} ms): the longest and shortest times may be off by that; the median"
            " holds"
        )
    return said
