"""The scheduler driven in real time: one task sleeps to the end of each step and hands the tokens to the requests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from nemotui.sim.batching import Scheduler, Sequence, Step
from nemotui.sim.metrics import Metrics
from nemotui.sim.settings import ServerSettings

# An engine that is further behind its schedule than this runs on a host too slow for it; it starts a new schedule
# instead of catching up in a burst that no GPU would make.
_HOPELESS_S = 0.1


@dataclass(slots=True, eq=False)
class Ticket:
    """One request in the engine. Iterate for its tokens: a number from 0 for each, as it is produced.

    Iteration ends after the last token, or early when the request was aborted.
    """

    sequence: Sequence
    finish_reason: str
    submitted: float
    started: float | None = None
    first: float | None = None
    last: float = 0.0
    _tokens: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)

    async def __aiter__(self) -> AsyncIterator[int]:
        while (number := await self._tokens.get()) is not None:
            yield number
            if number + 1 == self.sequence.output_tokens:
                return

    def put(self, number: int | None) -> None:
        """A token is there; None: no more will come."""
        self._tokens.put_nowait(number)


class LiveEngine:
    """One engine; `run` is its task. Everything happens on one event loop."""

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._scheduler = Scheduler(
            timing=settings.timing,
            max_num_seqs=settings.max_num_seqs,
            max_num_batched_tokens=settings.max_num_batched_tokens,
        )
        self._tickets: dict[Sequence, Ticket] = {}
        self._arrived = asyncio.Event()
        self.totals = (0, 0)  # prompt and generated tokens since the start
        self._metrics.running.set_function(lambda: self.running)
        self._metrics.waiting.set_function(lambda: self.waiting)
        self._metrics.kv_cache_usage.set_function(lambda: self.kv_cache_usage)

    @property
    def running(self) -> int:
        """Requests that hold a slot."""
        return len(self._scheduler.running)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._scheduler.waiting)

    @property
    def kv_cache_usage(self) -> float:
        """Share of the blocks that running requests pin, 0 to 1."""
        memory = self._settings.memory
        pinned = sum(memory.blocks_for(s.prompt_tokens + s.produced) for s in self._scheduler.running)
        return min(1.0, pinned / max(1, memory.blocks - 1))

    def submit(self, prompt_tokens: int, output_tokens: int, finish_reason: str) -> Ticket:
        """Queue a request; both counts are at least 1. The reason, `stop` or `length`, is for the metrics."""
        sequence = Sequence(prompt_tokens=prompt_tokens, output_tokens=output_tokens)
        ticket = self._tickets[sequence] = Ticket(sequence, finish_reason, asyncio.get_running_loop().time())
        self._scheduler.add(sequence)
        self._arrived.set()
        return ticket

    def abort(self, ticket: Ticket) -> None:
        """The client is gone: free the slot. A finished request is left as it is."""
        if self._tickets.pop(ticket.sequence, None):
            self._scheduler.abort(ticket.sequence)
            self._metrics.finished("abort")
            ticket.put(None)

    def abort_all(self) -> None:
        """The server ends."""
        for ticket in list(self._tickets.values()):
            self.abort(ticket)

    async def run(self) -> None:
        """Until cancelled. Steps follow an absolute schedule, so that late wake-ups do not add up."""
        loop = asyncio.get_running_loop()
        ends = loop.time()
        luck = random.Random()
        stalls = None if self._settings.stall_after_s is None else ends + self._settings.stall_after_s
        while True:
            began = loop.time()
            if stalls is not None and began >= stalls:
                await asyncio.Event().wait()  # HTTP goes on, /health too: that is how a hung engine looks
            step = self._scheduler.next_step()
            if step is None:
                self._arrived.clear()
                await self._arrived.wait()
                ends = loop.time()
                continue
            if step.prompt_tokens:
                self._start(step, began)
            longer = (1 + self._settings.slower) * max(0.2, luck.gauss(1.0, self._settings.jitter))
            ends = max(ends, began - _HOPELESS_S) + step.duration_s * longer / self._settings.speed
            await asyncio.sleep(max(0.0, ends - loop.time()))
            self._scheduler.complete(step)
            self._deliver(step, loop.time())

    def _start(self, step: Step, now: float) -> None:
        self._count(step.prompt_tokens, 0)
        self._metrics.prompt_tokens.inc(step.prompt_tokens)
        self._metrics.prefix_queries.inc(step.prompt_tokens)
        for sequence in step.sequences:
            ticket = self._tickets[sequence]
            ticket.started = now
            self._metrics.queue_time.observe(now - ticket.submitted)

    def _deliver(self, step: Step, now: float) -> None:
        for sequence in step.sequences:
            ticket = self._tickets.get(sequence)
            if ticket is None:  # aborted while the step ran
                continue
            self._count(0, 1)
            self._metrics.generation_tokens.inc()
            if ticket.first is None:
                ticket.first = now
                self._metrics.ttft.observe(now - ticket.submitted)
            else:
                self._metrics.itl.observe(now - ticket.last)
            ticket.last = now
            ticket.put(sequence.produced - 1)
            if sequence.finished:
                self._finish(ticket, now)

    def _count(self, prompt: int, generated: int) -> None:
        self.totals = (self.totals[0] + prompt, self.totals[1] + generated)

    def _finish(self, ticket: Ticket, now: float) -> None:
        del self._tickets[ticket.sequence]
        assert ticket.first is not None
        decoding = now - ticket.first
        self._metrics.finished(ticket.finish_reason)
        self._metrics.e2e.observe(now - ticket.submitted)
        self._metrics.decode_time.observe(decoding)
        self._metrics.tpot.observe(decoding / max(1, ticket.sequence.output_tokens - 1))
