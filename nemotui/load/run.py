"""A run from its specification to its result: prompts, warm-up, the loop, the timeline."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from time import monotonic_ns, time
from typing import Any

from nemotui.core.bench import BenchSpec, Failure, Phase, RequestRecord
from nemotui.core.bench_summary import Live, Summary
from nemotui.core.errors import Problem
from nemotui.core.histogram import Histogram
from nemotui.load.client import Client, no_server
from nemotui.load.prompts import Prompts, prepare
from nemotui.load.reply import Reply, RequestError
from nemotui.rundir import RunDirectory, RunWriter

POINT_S = 0.25
LAG_PROBE_S = 0.02
# So many requests in a row that found nobody, and then nobody at /health either: the server is gone.
GONE_AFTER = 10
WARMUP_OUTPUT = 16  # tokens
_CANCELLED = Failure(kind="cancelled", message="the run was stopped")


class _ServerGoneError(Exception):
    pass


class Run:
    """One run. `work` measures; `finish` writes the result, whatever ended the work."""

    def __init__(self, directory: RunDirectory, api_key: str | None) -> None:
        self._directory = directory
        self._spec = directory.spec()
        self._client = Client(self._spec, api_key)
        self._writer = RunWriter(directory)
        self._started = time()
        self._clock_ns: int | None = None
        self._stopped_ns = 0
        self._lag = Histogram()
        self._approximate: str | None = None
        self._unreachable = 0
        self._reason: str | None = None
        self._begin(self._spec)

    def _begin(self, spec: BenchSpec) -> None:
        self._summary = Summary(spec)
        self._live = Live(self._summary)
        self._phase: Phase = "prepare"

    async def work(self) -> None:
        """Prepare, warm up, measure. Raises `NemotuiError` when there is nothing to measure."""
        async with self._watched():
            spec = self._spec
            model = spec.model or await self._client.first_model()
            spec = replace(await self._on_what_clock(spec), model=model)
            self._directory.write_spec(spec)  # a result that is made from the requests alone needs it too
            self._begin(spec)
            prompts = await prepare(spec, model, lambda text: self._client.tokenize(model, text))
            self._approximate = prompts.approximate
            await self._warm_up(prompts)
            # What exists now stays: the collector need not walk it in the middle of a read.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)
            self._phase = "run"
            self._clock_ns = monotonic_ns()
            try:
                await (self._open_loop(prompts) if spec.open_loop else self._closed_loop(prompts))
            except* _ServerGoneError:
                self._reason = f"the server was gone after {self._summary.completed} requests"
            finally:
                self._stopped_ns = monotonic_ns()

    async def _on_what_clock(self, spec: BenchSpec) -> BenchSpec:
        """The specification, marked where the server is a pretend one: nobody shall take that for a measurement."""
        if (speed := await self._client.pretend_speed()) is None:
            return spec
        return replace(spec, time_scale=speed, metadata={**spec.metadata, "server": "pretend"})

    async def finish(self, *, interrupted: bool, error: Problem | None) -> None:
        """Write the result and let go of everything."""
        await self._client.close()
        self._writer.point(self._live.point(self._phase, self._elapsed_s()))
        self._writer.close()
        self._directory.write_result(self._result(interrupted, error))

    def _result(self, interrupted: bool, error: Problem | None) -> dict[str, Any]:
        summary = self._summary
        duration = 0.0 if self._clock_ns is None else (self._stopped_ns - self._clock_ns) / 1e9
        ended = summary.completed + summary.failed == self._spec.num_prompts
        reason = self._reason or (error and error.message) or ("the run was stopped" if interrupted else None)
        return {
            "date": datetime.fromtimestamp(self._started).astimezone().strftime("%Y%m%d-%H%M%S"),
            **summary.result(duration, lag=self._lag),
            "complete": ended and error is None,
            "interrupted": interrupted,
            "reason": reason,
            "approximate_prompts": self._approximate,
            "run": str(self._directory.path),
            "error": error,
        }

    def _elapsed_s(self) -> float:
        return 0.0 if self._clock_ns is None else (monotonic_ns() - self._clock_ns) / 1e9

    async def _warm_up(self, prompts: Prompts) -> None:
        """Short requests that count nowhere, so that compiling and connecting is over when the clock starts."""
        self._phase = "warmup"
        ignored = Live(Summary(self._spec))
        for i in range(self._spec.warmup):
            body = prompts.body(self._spec.num_prompts + i, min(self._spec.output_len, WARMUP_OUTPUT))
            try:
                await self._client.stream(body, Reply(ignored))
            except RequestError as error:
                # Anything but nobody there will show in the run itself, counted by kind.
                if not await self._client.reachable():
                    raise no_server(self._spec, error.failure.message) from None

    async def _closed_loop(self, prompts: Prompts) -> None:
        """A new request when one has finished."""
        indices = iter(range(self._spec.num_prompts))

        async def stream() -> None:
            for index in indices:
                await self._one(index, self._elapsed_s(), prompts, nullcontext())

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._spec.num_prompts, self._spec.max_concurrency or self._spec.num_prompts)):
                group.create_task(stream())

    async def _open_loop(self, prompts: Prompts) -> None:
        """Requests at their scheduled times, whatever became of the others, though never more than allowed at once."""
        slots = asyncio.Semaphore(self._spec.max_concurrency or self._spec.num_prompts)
        async with asyncio.TaskGroup() as group:
            for index, at_s in enumerate(arrivals(self._spec)):
                await asyncio.sleep(at_s - self._elapsed_s())
                group.create_task(self._one(index, at_s, prompts, slots))

    async def _one(
        self, index: int, scheduled_s: float, prompts: Prompts, slot: AbstractAsyncContextManager[None]
    ) -> None:
        """One request, from the moment it is due."""
        self._live.due += 1
        try:
            async with slot:
                record = await self._request(index, scheduled_s, prompts)
                await self._check_server(record)
        finally:
            self._live.due -= 1

    async def _request(self, index: int, scheduled_s: float, prompts: Prompts) -> RequestRecord:
        reply = Reply(self._live)
        failure: Failure | None = _CANCELLED
        try:
            await self._client.stream(prompts.body(index), reply)
            failure = None
        except RequestError as error:
            failure = error.failure
        finally:
            record = reply.record(index, scheduled_s, self._clock_ns or 0, failure)
            self._summary.add(record)
            self._writer.request(record)
        return record

    async def _check_server(self, record: RequestRecord) -> None:
        """Raises `_ServerGoneError` rather than let thousands of requests fail in a second."""
        found_nobody = (
            record.failure is not None and record.ttfb_us is None and record.failure.kind in ("refused", "reset")
        )
        self._unreachable = self._unreachable + 1 if found_nobody else 0
        if self._unreachable >= GONE_AFTER:
            self._unreachable = 0
            if not await self._client.reachable():
                raise _ServerGoneError

    @asynccontextmanager
    async def _watched(self) -> AsyncGenerator[None]:
        """While it lasts, the timeline is written and the loop's own lateness measured."""
        watchers = [asyncio.create_task(self._draw()), asyncio.create_task(self._probe_lag())]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.wait(watchers)

    async def _draw(self) -> None:
        async for _ in _every(POINT_S):
            self._writer.point(self._live.point(self._phase, self._elapsed_s()))

    async def _probe_lag(self) -> None:
        """How late a timer wakes is how late a read may be stamped (a timer alone is up to 1 ms late)."""
        async for late_us in _every(LAG_PROBE_S):
            if self._phase == "run":
                self._lag.add(late_us)


def arrivals(spec: BenchSpec) -> Iterator[float]:
    """Seconds after the start at which requests are due: gaps of a gamma distribution whose mean is 1 / rate."""
    assert spec.request_rate is not None
    gaps, at = random.Random(f"{spec.seed} arrivals"), 0.0
    for _ in range(spec.num_prompts):
        yield at
        at += gaps.gammavariate(spec.burstiness, 1 / (spec.request_rate * spec.burstiness))


async def _every(seconds: float) -> AsyncGenerator[int]:
    """Wake up at an even pace and say how late, in µs; beats that were missed are left out."""
    due = monotonic_ns()
    while True:
        due += round(seconds * 1e9)
        await asyncio.sleep((due - monotonic_ns()) / 1e9)
        late = monotonic_ns() - due
        yield late // 1000
        due = max(due, monotonic_ns() - round(seconds * 1e9))
