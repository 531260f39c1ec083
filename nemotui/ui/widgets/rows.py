"""Which line stands in which row: the shown lines of a log that grows at its end and loses its beginning."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from nemotui.core.log_filter import Selection
from nemotui.core.logs import LogLine
from nemotui.ui.states.log_view import LogView


class Rows:
    """Lines are numbered from the log's first. `width`: the cells of a row, where long lines are wrapped; else None.

    `cells`: how wide a line is drawn.
    """

    def __init__(self, view: LogView, width: int | None, cells: Callable[[LogLine], int]) -> None:
        self._selection: Selection[int] = Selection(view.filter, view.context)
        self._width = width
        self._cells = cells
        self._numbers: list[int] = []
        self._ends: list[int] = []  # of each shown line: the row after its last, counted from the first ever shown
        self._base = 0  # rows that were shown and are gone
        self._next = 0  # the number of the line to come
        self.widest = 0

    def __len__(self) -> int:
        return (self._ends[-1] if self._ends else self._base) - self._base

    @property
    def numbers(self) -> Sequence[int]:
        """The shown lines, oldest first."""
        return self._numbers

    def update(self, lines: Sequence[LogLine], total: int) -> None:
        """Take in what has come since the last time, and forget what is no longer kept of the `total`."""
        first = total - len(lines)
        gone = bisect_left(self._numbers, first)
        if gone:
            self._base = self._ends[gone - 1]
            del self._numbers[:gone], self._ends[:gone]
        end = self._ends[-1] if self._ends else self._base
        for number in range(max(self._next, first), total):
            for shown in self._selection.take(lines[number - first], number):
                if shown < first:
                    continue
                cells = self._cells(lines[shown - first])
                self.widest = max(self.widest, cells)
                end += 1 if self._width is None else max(1, -(-cells // self._width))
                self._numbers.append(shown)
                self._ends.append(end)
        self._next = total

    def at(self, row: int) -> tuple[int, int] | None:
        """The line in this row, and which of its rows that is; None below the last."""
        index = bisect_right(self._ends, self._base + row)
        if row < 0 or index == len(self._numbers):
            return None
        return self._numbers[index], self._base + row - self._begin(index)

    def rows_of(self, number: int) -> range:
        """The rows of this line, or of the next one that is shown, or of the last."""
        index = min(bisect_left(self._numbers, number), len(self._numbers) - 1)
        if index < 0:
            return range(0)
        return range(self._begin(index) - self._base, self._ends[index] - self._base)

    def step(self, number: int, lines: int) -> int:
        """The shown line so many further on, or back; the first or the last where there are no more."""
        index = bisect_left(self._numbers, number) + lines
        return self._numbers[min(max(0, index), len(self._numbers) - 1)]

    def _begin(self, index: int) -> int:
        return self._ends[index - 1] if index else self._base
