"""Continuous batching on a virtual clock: which requests get a token in the next engine step, and how long it takes.

A step is either a prefill (waiting prompts, oldest first) or a decode (one token for every running request). Prefill
goes first: while prompts wait and slots are free, running requests stall. That is what makes the TTFT of a closed
loop grow with its concurrency the way the published figures do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast one server is. A decode step of b requests takes `decode_base_s + b * decode_per_request_s`."""

    prefill_tokens_per_s: float
    decode_base_s: float
    decode_per_request_s: float

    def decode_s(self, batch: int) -> float:
        """Seconds of one decode step of so many requests."""
        return self.decode_base_s + batch * self.decode_per_request_s

    def prefill_s(self, tokens: int, batch: int) -> float:
        """Seconds of a prefill step; the model runs once, so it is never cheaper than a decode step."""
        return max(tokens / self.prefill_tokens_per_s, self.decode_s(batch))


@dataclass(slots=True, kw_only=True, eq=False)
class Sequence:
    """One request inside the scheduler. Its output length is known beforehand: the text is written in advance."""

    prompt_tokens: int
    output_tokens: int
    produced: int = 0
    aborted: bool = False

    @property
    def finished(self) -> bool:
        return self.aborted or self.produced >= self.output_tokens


@dataclass(frozen=True, slots=True)
class Step:
    """One engine step: each of `sequences` has one token more when `duration_s` is over."""

    duration_s: float
    sequences: tuple[Sequence, ...]
    prompt_tokens: int = 0


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """Waiting and running requests; `next_step`, wait for its duration, `complete` it, and so on.

    A prefill step takes whole prompts until `max_num_batched_tokens` is reached, at least one: vLLM would cut a longer
    prompt into several steps, which costs the same time here.
    """

    timing: Timing
    max_num_seqs: int
    max_num_batched_tokens: int = 8192
    waiting: deque[Sequence] = field(default_factory=deque)
    running: list[Sequence] = field(default_factory=list)

    def add(self, sequence: Sequence) -> None:
        """Queue a request. Its prompt counts at least one token, its output at least one."""
        self.waiting.append(sequence)

    def abort(self, sequence: Sequence) -> None:
        """Drop a request wherever it is; its slot is free for the next step."""
        sequence.aborted = True
        self._sweep()

    def next_step(self) -> Step | None:
        """What the engine does next; None when there is nothing to do."""
        prompts = self._admit()
        if prompts:
            tokens = sum(s.prompt_tokens for s in prompts)
            self.running.extend(prompts)
            return Step(self.timing.prefill_s(tokens, len(prompts)), tuple(prompts), tokens)
        if self.running:
            return Step(self.timing.decode_s(len(self.running)), tuple(self.running))
        return None

    def complete(self, step: Step) -> None:
        """The step's time is over: count its tokens and let go of what is finished."""
        for sequence in step.sequences:
            sequence.produced += 1
        self._sweep()

    def _admit(self) -> list[Sequence]:
        prompts: list[Sequence] = []
        tokens = 0
        while self.waiting and len(self.running) + len(prompts) < self.max_num_seqs:
            tokens += self.waiting[0].prompt_tokens
            if prompts and tokens > self.max_num_batched_tokens:
                break
            prompts.append(self.waiting.popleft())
        return prompts

    def _sweep(self) -> None:
        self.running = [s for s in self.running if not s.finished]
        if any(s.aborted for s in self.waiting):
            self.waiting = deque(s for s in self.waiting if not s.aborted)


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
