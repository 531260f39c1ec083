"""Continuous batching on a virtual clock: which requests get a token in the next engine step, and how long it takes.

A step is either a prefill (waiting prompts, oldest first) or a decode (one token for every running request). Prefill
goes first: while prompts wait and slots are free, running requests stall. That is what makes the TTFT of a closed
loop grow with its concurrency the way the published figures do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


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
