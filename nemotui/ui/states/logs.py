"""The Logs pane's state: the newest lines of one container, and how many there were."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from nemotui.core.errors import Problem
from nemotui.core.logs import LogLine
from nemotui.core.ports import Container

KEPT = 10_000  # lines: days of a quiet server, a minute of a loud one

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: dict[str, Level] = {"DEBUG": "debug", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
# vLLM's own head, with the process in front of it, and uvicorn's, which has the level alone.
_HEAD = re.compile(
    r"(?:\(\S{1,64} pid=\d+\) ?)?"
    r"(?:(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b:?(?: +\d\d-\d\d \d\d:\d\d:\d\d)?(?: +\[[^\]]{1,80}\])? *)?"
)


def head(text: str) -> tuple[Level, int]:
    """A line's level, "info" where it names none, and how many characters come before its words."""
    match = _HEAD.match(text)
    return (_LEVELS.get(match[1], "info"), match.end()) if match else ("info", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsState:
    """`lines` are the newest `KEPT` of the `total` that came; `problem` is why no more come."""

    container: Container | None = None
    lines: tuple[LogLine, ...] = ()
    total: int = 0
    problem: Problem | None = None

    def after(self, event: Container | tuple[LogLine, ...] | Problem) -> LogsState:
        """The state after the container as it is now, a batch of its lines, or the trouble that ended them."""
        match event:
            case Container():
                if self.container is None or self.container.id != event.id:
                    return LogsState(container=event)
                return self if event == self.container else replace(self, container=event)
            case Problem():
                return replace(self, problem=event)
            case tuple():
                return replace(self, lines=(*self.lines, *event)[-KEPT:], total=self.total + len(event), problem=None)

    @property
    def dropped(self) -> int:
        """Lines that came and are no longer kept."""
        return self.total - len(self.lines)
