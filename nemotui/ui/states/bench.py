"""The Bench pane's state: the run that goes or went last, and what it has reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from nemotui.core.bench import (
    BenchEvent,
    BenchFailed,
    BenchFinished,
    BenchObserved,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    TimelinePoint,
)
from nemotui.core.beside import hit_share
from nemotui.core.errors import Problem
from nemotui.core.model_server import ServedModel
from nemotui.core.observe import Observation
from nemotui.core.stores import StoredRun
from nemotui.core.trail import Trail, axis_s
from nemotui.core.watch import ServerSample

Stage = Literal["idle", "starting", "prepare", "warmup", "run", "finished", "failed"]

# The figures of the two trails, in their order. Where several moments share a place, of some the highest is kept.
POINTS = ("ttft_p50", "ttft_p99", "itl_p50", "itl_p99", "throughput", "waiting", "in_flight", "lag")
OBSERVATIONS = ("running", "requests", "kv_cache", "prefix_hits", "power", "utilization")
_PEAKS = ("ttft_p99", "itl_p99", "lag")


def _trail(figures: tuple[str, ...], bin_s: float) -> Trail:
    return Trail(bin_s=bin_s, peaks=frozenset(i for i, name in enumerate(figures) if name in _PEAKS))


_NO_POINTS, _NO_OBSERVATIONS = _trail(POINTS, 0.25), _trail(OBSERVATIONS, 1.0)


@dataclass(frozen=True, slots=True)
class Replaying:
    """A stored run goes once more, so many times as fast as it went; of the same run again: at another speed."""

    run: StoredRun
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchState:
    """`latest` is the newest point of any phase, `seen` the newest look at the server and its GPUs.

    `prefix_hits`: percent of the prompt tokens of the last second that came from the cache. The trails hold the
    measured phase. `spec` is what was asked, None before the first run. `served` is the model that would be measured.
    `replay`: it is a stored run that goes once more; None: a run that measures, or its result.
    """

    served: ServedModel | None = None
    spec: BenchSpec | None = None
    run: str | None = None
    latest: TimelinePoint | None = None
    seen: Observation | None = None
    prefix_hits: float | None = None
    points: Trail = _NO_POINTS
    observations: Trail = _NO_OBSERVATIONS
    result: Mapping[str, Any] | None = None
    failure: Problem | None = None
    replay: Replaying | None = None

    def after(self, event: ServerSample | BenchSpec | StoredRun | Replaying | BenchEvent) -> BenchState:
        """The state after a sample of the server, a run that was asked for or found, or an event of it."""
        match event:
            case ServerSample():
                return replace(self, served=event.models[0] if event.serving else None)
            case BenchSpec():
                return BenchState(served=self.served, spec=event)
            case StoredRun():
                return BenchState(served=self.served, spec=event.spec, run=event.path)
            case Replaying(run=stored):
                if self.replay is not None and self.replay.run.path == stored.path and self.running:
                    return replace(self, replay=event)
                return BenchState(served=self.served, spec=stored.spec, run=stored.path, replay=event)
            case BenchStarted(run=run):
                return replace(self, run=run)
            case BenchProgress(point=point):
                points = self.points
                if point.phase == "run":
                    points = points.after(point.elapsed_s, _values_of(point))
                return replace(self, latest=point, points=points)
            case BenchObserved(observation=observation):
                return self._observed(observation)
            case BenchFinished(result=result):
                return replace(self, result=result)
            case BenchFailed(error=error):
                return replace(self, failure=error.problem)

    def _observed(self, new: Observation) -> BenchState:
        server, observations = new.server, self.observations
        hits = _percent(hit_share(self.seen.server, server)) if self.seen is not None else None
        if new.phase == "run" and not new.last:
            requests = None if server.running is None else server.running + (server.waiting or 0)
            values = (server.running, requests, _percent(server.kv_cache_usage), hits)
            observations = observations.after(new.elapsed_s, (*values, new.power_w, new.utilization_percent))
        return replace(self, seen=new, prefix_hits=hits, observations=observations)

    @property
    def stage(self) -> Stage:
        """How far the run is."""
        if self.failure is not None:
            return "failed"
        if self.result is not None:
            return "finished"
        if self.latest is not None:
            return self.latest.phase
        return "idle" if self.spec is None and self.run is None else "starting"

    @property
    def running(self) -> bool:
        """A run goes on, or goes once more."""
        return self.stage in ("starting", "prepare", "warmup", "run")

    @property
    def measuring(self) -> bool:
        """A run goes on now."""
        return self.running and self.replay is None

    def history(self, figure: str, width: int) -> list[float | None]:
        """A figure of either trail as so many values over the time axis, oldest first."""
        if figure in POINTS:
            return self.points.series(POINTS.index(figure), self.axis_s, width)
        return self.observations.series(OBSERVATIONS.index(figure), self.axis_s, width)

    @property
    def axis_s(self) -> float:
        """The time that the charts span: the whole run once it has ended, a round length with room before."""
        elapsed_s = self.latest.elapsed_s if self.latest is not None else 0.0
        return axis_s(elapsed_s) if self.running or elapsed_s <= 0 else elapsed_s

    @property
    def progress(self) -> float | None:
        """The share of the requests that have ended, well or not, 0..1; None before the clock has started."""
        if self.latest is None or self.spec is None or self.latest.phase != "run":
            return None
        return self._ended / self.spec.num_prompts

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end if the rest goes like what has ended; None while nothing has."""
        if self.latest is None or self.spec is None or not self._ended:
            return None
        return self.latest.elapsed_s / self._ended * (self.spec.num_prompts - self._ended)

    @property
    def _ended(self) -> int:
        return self.latest.done + self.latest.failed if self.latest else 0


def _values_of(point: TimelinePoint) -> tuple[float | None, ...]:
    return (
        point.ttft.p50_ms,
        point.ttft.p99_ms,
        point.itl.p50_ms,
        point.itl.p99_ms,
        point.output_throughput,
        float(point.waiting),
        float(point.in_flight),
        None if point.lag_p99_us is None else point.lag_p99_us / 1000,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100
