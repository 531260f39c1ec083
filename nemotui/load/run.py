"""A run from its specification to its result: prompts, warm-up, the load processes, the timeline."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from time import monotonic, monotonic_ns, time
from typing import Any

from nemotui.core.bench import BenchSpec, Phase, RequestRecord
from nemotui.core.bench_clock import ClockWatch
from nemotui.core.bench_summary import Live, Summary
from nemotui.core.errors import Problem
from nemotui.load.ask import Server
from nemotui.load.crew import Crew
from nemotui.load.prompts import Prompts, prepare
from nemotui.load.report import Report
from nemotui.load.schedule import shares, workers_for
from nemotui.load.stop import Stop
from nemotui.load.target import Target
from nemotui.rundir import RunDirectory, RunWriter

POINT_S = 0.25
WARMUP_OUTPUT = 16  # tokens
# Runs of more chunks do not keep the time of each, unless asked to.
MOST_KEPT_CHUNKS = 1_000_000


class Run:
    """One run. `work` measures; `finish` writes the result, whatever ended the work."""

    def __init__(self, directory: RunDirectory, stop: Stop) -> None:
        self._directory, self._stop = directory, stop
        self._writer = RunWriter(directory)
        self._started = time()
        self._clock_ns: int | None = None
        self._clock_unix_s: float | None = None  # the same moment, for runs of other machines
        self._clock_ahead_s: float | None = None
        self._duration_s = self._elapsed_s = 0.0
        self._approximate: str | None = None
        self._template_tokens: int | None = None
        self._reason: str | None = None
        self._keep_chunks = True
        self._neighbours = _neighbours(directory)
        self._begin(directory.spec())

    def _begin(self, spec: BenchSpec) -> None:
        self._spec = spec
        self._summary = Summary(spec)
        self._live = Live(self._summary)
        self._watch = ClockWatch()
        self._phase: Phase = "prepare"
        self._next_point = 0.0

    def work(self, api_key: str | None) -> None:
        """Prepare, warm up, measure. Raises `NemotuiError` when there is nothing to measure, `StoppedError`."""
        with self._stop.may_interrupt():
            self._draw(prepared=0.0)
            target = Target(self._spec, api_key)
            target.find()
            server = Server(target)
            model = self._spec.model or server.first_model()
            self._clock_ahead_s = server.clock_ahead_s()
            spec = replace(_on_what_clock(self._spec, server), model=model)
        self._directory.write_spec(spec)  # a result that is made from the requests alone needs it too
        self._begin(spec)
        with self._stop.may_interrupt():
            prompts = prepare(spec, model, lambda text: server.tokenize(model, text), self._prepared)
            self._approximate = prompts.approximate
            if prompts.approximate is None and spec.endpoint == "chat":
                told = server.chat_tokens(spec, model, prompts.text(0))
                self._template_tokens = told and max(0, told - spec.input_len)
        # What exists now stays, in the load processes too: the collector need not walk it in the middle of a read.
        gc.collect()
        gc.freeze()
        itl_s = self._warm_up(target, prompts)
        self._measure(target, prompts, workers_for(spec, itl_s))

    def finish(self, error: Problem | None) -> None:
        """Write the result and let go of everything."""
        self._write_point()
        self._writer.close()
        if not self._keep_chunks:
            with suppress(OSError):  # a disk that took no more: the result has its room, and says so
                self._directory.write_gaps(self._summary.gaps())
        self._directory.write_result(self._result(error))

    def _result(self, error: Problem | None) -> dict[str, Any]:
        summary = self._summary
        if (failure := self._writer.failure) is not None:
            self._reason = f"the run's directory took no more ({failure.strerror}), so the run was ended"
        ended = summary.completed + summary.failed == self._spec.num_prompts
        interrupted = self._stop.asked and not ended
        reason = self._reason or (error and error.message) or ("the run was stopped" if interrupted else None)
        result = summary.result(self._duration_s, self._watch)
        others = sorted(self._neighbours | _neighbours(self._directory))
        if others:
            names = ", ".join(others[:5])
            result["notes"].append(f"other runs used this server meanwhile ({names}): the figures are of all together")
        return {
            "date": datetime.fromtimestamp(self._started).astimezone().strftime("%Y%m%d-%H%M%S"),
            **result,
            "complete": ended and error is None and self._reason is None,
            "interrupted": interrupted,
            "reason": reason,
            "approximate_prompts": self._approximate,
            "template_tokens": self._template_tokens,
            "started_unix_s": self._clock_unix_s,
            "clock_ahead_of_server_s": self._clock_ahead_s,
            "run": str(self._directory.path),
            "beside": others,
            "error": error,
        }

    def _warm_up(self, target: Target, prompts: Prompts) -> float | None:
        """Short requests that count nowhere, so that compiling is over when the clock starts. The ITL of the last."""
        spec = self._spec
        if not spec.warmup:
            return None
        self._phase = "warmup"
        few = replace(
            spec,
            num_prompts=spec.warmup,
            output_len=min(spec.output_len, WARMUP_OUTPUT),
            max_concurrency=1,
            request_rate=None,
            workers=1,
        )
        records: list[RequestRecord] = []
        crew = Crew(shares(few, 1, first=spec.num_prompts), target, prompts)
        self._lead(crew, lambda report: records.extend(report.records))
        failure = records[-1].failure if records else None
        # Anything but nobody there will show in the run itself, counted by kind.
        if failure is not None and failure.kind != "cancelled" and not target.reachable():
            raise target.absent(failure.message)
        times = records[-1].token_us if records else ()
        return (times[-1] - times[0]) / (len(times) - 1) / 1e6 if len(times) > 1 else None

    def _measure(self, target: Target, prompts: Prompts, workers: int) -> None:
        self._begin(self._spec)
        self._phase = "run"
        few = self._spec.num_prompts * self._spec.output_len <= MOST_KEPT_CHUNKS
        self._keep_chunks = few if self._spec.keep_chunks is None else self._spec.keep_chunks
        self._lead(crew := Crew(shares(self._spec, workers), target, prompts), self._take)
        self._end(crew)

    def _end(self, crew: Crew) -> None:
        """How the load processes ended, and what it cost them."""
        latest = [member.latest for member in crew.members if member.latest is not None]
        ended_s = max((report.at_s for report in latest), default=0.0)
        self._duration_s = max(0.0, ended_s - self._clock_ns / 1e9) if self._clock_ns is not None else 0.0
        watch = self._watch
        watch.workers = len(crew.members)
        watch.user_reads = sum(report.user_reads for report in latest)
        watch.steps = max((report.clock_steps for report in latest), default=0)
        watch.largest_step_us = max((report.largest_step_us for report in latest), default=0)
        watch.cpu_s = sum(report.cpu_s for report in latest)
        if self._duration_s:
            watch.busiest = max((report.cpu_s for report in latest), default=0.0) / self._duration_s
        watch.started_monotonic_ns = self._clock_ns
        if dead := [member for member in crew.members if member.died is not None]:
            many = len(crew.members)
            whose = "the load process" if many == 1 else f"{len(dead)} of {many} load processes"
            self._reason = self._reason or f"{whose} {dead[0].died}: the requests it had left are missing"
        elif any(report.over == "gone" for report in latest):
            self._reason = self._reason or f"the server was gone after {self._summary.completed} requests"

    def _lead(self, crew: Crew, take: Callable[[Report], None]) -> None:
        """From the start of the load processes to the end of the last."""
        going = False
        try:
            while crew.alive:
                for report in crew.listen(max(0.0, self._next_point - monotonic())):
                    take(report)
                if self._stop.asked or self._writer.failure is not None:
                    crew.stop()
                elif not going and crew.ready:
                    going, start_ns = True, monotonic_ns()
                    if self._phase == "run":
                        self._clock_ns, self._clock_unix_s = start_ns, time()
                    crew.go(start_ns)
                if self._phase == "run":
                    self._look_at(crew)
                self._draw()
        finally:
            crew.stop()

    def _take(self, report: Report) -> None:
        live = self._live
        live.new_ttft_us += report.ttft_us
        live.new_gaps_us += report.gaps_us
        live.new_lag_us += report.lag_us
        live.coalesced += report.coalesced
        self._watch.lag.update(report.lag_us)
        for record in report.records:
            self._summary.add(record)
            self._writer.request(record if self._keep_chunks else _without_chunks(record))

    def _look_at(self, crew: Crew) -> None:
        live, latest = self._live, [member.latest for member in crew.members if member.latest is not None]
        live.due = sum(report.due for report in latest)
        live.sent = sum(report.sent for report in latest)
        live.streaming = sum(report.streaming for report in latest)
        live.clock_steps = max((report.clock_steps for report in latest), default=0)
        live.worker_cpu = max((member.cpu for member in crew.members), default=None)

    def _prepared(self, share: float) -> None:
        self._draw(prepared=share)

    def _draw(self, prepared: float | None = None) -> None:
        """A line of the timeline, where it is time for one."""
        now = monotonic()
        if now >= self._next_point:
            self._next_point = now + POINT_S
            self._live.prepared = prepared
            self._write_point()

    def _write_point(self) -> None:
        if self._clock_ns is not None:
            # At its end it is the load processes' own, which may have been a moment before a point was drawn.
            now_s = self._duration_s or (monotonic_ns() - self._clock_ns) / 1e9
            self._elapsed_s = max(self._elapsed_s, now_s)
        self._writer.point(self._live.point(self._phase, self._elapsed_s))


def _on_what_clock(spec: BenchSpec, server: Server) -> BenchSpec:
    """The specification, marked where the server is a pretend one: nobody shall take that for a measurement."""
    if (speed := server.pretend_speed()) is None:
        return spec
    return replace(spec, time_scale=speed, metadata={**spec.metadata, "server": "pretend"})


def _without_chunks(record: RequestRecord) -> RequestRecord:
    """As it is kept in a run of very many chunks."""
    times = record.token_us
    if len(times) <= 2:
        return record
    return replace(
        record, token_us=(times[0], times[-1]), other_us=record.other_us[:1], unkept=record.unkept + len(times) - 2
    )


def _neighbours(directory: RunDirectory) -> set[str]:
    """The names of the runs that go on now, beside this one in its folder, against the same server."""
    server, found = directory.spec().server, set()
    for path in directory.path.parent.iterdir():
        other = RunDirectory(path)
        try:
            # One that has its result sends nothing any more, although its process may take a moment to end.
            if path != directory.path and other.status() == "running" and other.spec().server == server:
                found.add(path.name)
        except (OSError, ValueError):
            continue
    return found
