"""The Logs pane's state: the newest lines of one container, how many there were, and the engine's last figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from nemotui.core.errors import Problem
from nemotui.core.logs import EngineFigures, LogLine, figures
from nemotui.core.ports import Container
from nemotui.core.watch import ServerSample

KEPT = 10_000  # lines: days of a quiet server, a minute of a loud one


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsState:
    """`lines` are the newest `KEPT` of the `total` that came; `problem` is why no more come. `now`: unix time."""

    now: Callable[[], float] = field(default=lambda: 0.0, compare=False)
    container: Container | None = None
    lines: tuple[LogLine, ...] = ()
    total: int = 0
    figures: EngineFigures | None = None
    problem: Problem | None = None

    def after(self, event: Container | tuple[LogLine, ...] | Problem | ServerSample) -> LogsState:
        """After the container as it is now, a batch of its lines, the trouble that ended them, or a look for one."""
        match event:
            case ServerSample():
                return self if self.container else replace(self, problem=event.engine_problem)
            case Container():
                if self.container is None or self.container.id != event.id:
                    return LogsState(container=event, now=self.now)
                return self if event == self.container else replace(self, container=event)
            case Problem():
                return replace(self, problem=event)
            case tuple():
                return replace(
                    self,
                    lines=(*self.lines, *event)[-KEPT:],
                    total=self.total + len(event),
                    figures=figures(event, self.figures),
                    problem=None,
                )

    def minutes_ago(self, minutes: float) -> float:
        """Unix time so long ago; before the last line, where no more will come."""
        newest = next((line.time for line in reversed(self.lines) if line.time is not None), None)
        return (self.now() if self.goes_on or newest is None else newest) - minutes * 60

    @property
    def goes_on(self) -> bool:
        """Whether more can come: the container runs."""
        return self.container is not None and self.container.state == "running"

    @property
    def dropped(self) -> int:
        """Lines that came and are no longer kept: all those with a smaller number than the first that is."""
        return self.total - len(self.lines)
