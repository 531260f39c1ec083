"""The Bench pane's state: the run that goes or went last, and what it has reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from nemotui.core.bench import (
    BenchEvent,
    BenchFailed,
    BenchFinished,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    TimelinePoint,
)
from nemotui.core.errors import Problem
from nemotui.core.ports import StoredRun
from nemotui.core.watch import ServerSample

KEPT = 1200  # points, five minutes at four a second: wider than any screen

Stage = Literal["idle", "starting", "prepare", "warmup", "run", "finished", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchState:
    """`points` are the latest of the measured phase, oldest first; `latest` is the newest of any phase.

    `spec` is what was asked, None before the first run. `served` is the name of the model that would be measured now.
    """

    served: str | None = None
    spec: BenchSpec | None = None
    run: str | None = None
    latest: TimelinePoint | None = None
    points: tuple[TimelinePoint, ...] = ()
    result: Mapping[str, Any] | None = None
    failure: Problem | None = None

    def after(self, event: ServerSample | BenchSpec | StoredRun | BenchEvent) -> BenchState:
        """The state after a sample of the server, a run that was asked for or found, or an event of it."""
        match event:
            case ServerSample():
                return replace(self, served=event.models[0].id if event.serving else None)
            case BenchSpec():
                return BenchState(served=self.served, spec=event)
            case StoredRun():
                return BenchState(served=self.served, spec=event.spec, run=event.path)
            case BenchStarted(run=run):
                return replace(self, run=run)
            case BenchProgress(point=point):
                measured = (*self.points[-KEPT + 1 :], point) if point.phase == "run" else self.points
                return replace(self, latest=point, points=measured)
            case BenchFinished(result=result):
                return replace(self, result=result)
            case BenchFailed(error=error):
                return replace(self, failure=error.problem)

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
        """A run goes on."""
        return self.stage in ("starting", "prepare", "warmup", "run")

    def history(self, value: Callable[[TimelinePoint], float | None]) -> tuple[float | None, ...]:
        """One figure over the measured time, a value a point, oldest first."""
        return tuple(value(point) for point in self.points)

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
