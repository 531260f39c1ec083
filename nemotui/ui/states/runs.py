"""The stored runs as a list: which are shown, which one the cursor is on, which are marked, what a comparison said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nemotui.core.compare import Comparison
from nemotui.core.errors import Problem
from nemotui.core.stores import StoredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsListed:
    """The newest runs with a text in their name, label or model, and how many more there are; or why nobody knows."""

    runs: tuple[StoredRun, ...] = ()
    left: int = 0
    containing: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsState:
    """`listed` None: the folder is being read. `marked` are runs, the baseline first, whether a filter shows
    them or not. `comparing`: it is worked out.

    `comparisons` are shown in place of the list while there are some.
    """

    listed: RunsListed | None = None
    row: int = 0
    marked: tuple[StoredRun, ...] = ()
    comparing: bool = False
    comparisons: tuple[Comparison, ...] = ()
    problem: Problem | None = None

    def after(self, event: RunsListed | Sequence[Comparison] | Problem) -> RunsState:
        """The state after the folder was read, or a comparison has ended, well or not."""
        match event:
            case RunsListed():
                here, paths = self.chosen, [run.path for run in event.runs]
                # The cursor stays on its run while newer ones come, and on its row where that one has gone.
                row = paths.index(here.path) if here and here.path in paths else min(self.row, max(len(paths) - 1, 0))
                now = {run.path: run for run in event.runs}
                marked = tuple(now.get(run.path, run) for run in self.marked)
                return replace(self, listed=event, row=row, marked=marked)
            case Problem():
                return replace(self, comparing=False, problem=event)
            case _:
                return replace(self, comparing=False, problem=None, comparisons=tuple(event))

    @property
    def runs(self) -> tuple[StoredRun, ...]:
        """Those that are shown."""
        return self.listed.runs if self.listed else ()

    @property
    def chosen(self) -> StoredRun | None:
        """The run under the cursor."""
        return self.runs[self.row] if self.row < len(self.runs) else None

    @property
    def taken(self) -> tuple[StoredRun, ...]:
        """The marked runs in the order of their marks, else the one under the cursor."""
        return self.marked or ((self.chosen,) if self.chosen else ())

    def moved(self, rows: int) -> RunsState:
        """Along the list, not beyond its ends."""
        return replace(self, row=min(max(self.row + rows, 0), max(len(self.runs) - 1, 0)))

    def with_mark(self) -> RunsState:
        """The run under the cursor marked, or not any more; the cursor goes on."""
        if self.chosen is None:
            return self
        others = self.without(self.chosen.path).marked
        return replace(self, marked=others if len(others) < len(self.marked) else (*others, self.chosen)).moved(1)

    def without(self, path: str) -> RunsState:
        """After that run was deleted."""
        return replace(self, marked=tuple(run for run in self.marked if run.path != path))
