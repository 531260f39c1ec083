"""Which line stands in which row: the shown lines of a log that grows at its end and loses its beginning."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from nemotui.core.log_filter import Selection
from nemotui.core.logs import LogLine
from nemotui.ui.states.log_view import LogView

_BLOCK = 256  # lines that are looked at together: few enough that one of another kind costs little
_ADDED = 24  # cells: what is drawn before a line, at most, beyond what is taken away of it


class Rows:
    """Lines are numbered from the log's first. `room`: the cells of a row: a long line is wrapped, or cut, there.

    `cells`: how wide a line is drawn that may not fit in a row; of one that does it is not asked.
    """

    def __init__(self, view: LogView, room: int, cells: Callable[[LogLine], int]) -> None:
        self._selection: Selection[int] = Selection(view.filter, view.context)
        self._wrap = view.wrap
        self._room = room
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
        for begin in range(max(self._next, first), total, _BLOCK):
            stop = min(begin + _BLOCK, total)
            block = lines[begin - first : stop - first]
            texts = [line.text for line in block]
            if self._selection.all_of(texts) and self._fit(texts):
                self._numbers += range(begin, stop)
                self._ends += range(self._end + 1, self._end + 1 + len(block))
                continue
            for number, line in enumerate(block, begin):
                for shown in self._selection.take(line, number):
                    if shown >= first:
                        self._add(shown, lines[shown - first])
        self._next = total

    @property
    def _end(self) -> int:
        return self._ends[-1] if self._ends else self._base

    def _fit(self, texts: Sequence[str]) -> bool:
        """Each fits in a row anyhow, as do nearly all of a flood."""
        cells = 1 if all(map(str.isascii, texts)) else 2
        return max(map(len, texts)) * cells + _ADDED <= self._room

    def _add(self, number: int, line: LogLine) -> None:
        cells = 0 if self._fit((line.text,)) else self._cells(line)
        self.widest = max(self.widest, cells)
        self._numbers.append(number)
        self._ends.append(self._end + (max(1, -(-cells // self._room)) if self._wrap else 1))

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
