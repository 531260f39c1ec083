"""Figures over the time of a run of any length, in a bounded number of bins: what a chart draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST = 480  # bins; twice as long each when there would be more

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class _Bin:
    count: int
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """Bins of `bin_s` seconds each from the start of the run, every one with a value a figure.

    A bin holds the mean of what came into it, of the figures in `peaks` (by their place) the highest.
    """

    bin_s: float
    peaks: frozenset[int] = frozenset()
    bins: tuple[_Bin | None, ...] = ()

    def after(self, at_s: float, values: Values) -> Trail:
        """With one more value of each figure; None is none."""
        trail = self
        while (index := int(max(at_s, 0.0) / trail.bin_s)) >= MOST:
            trail = trail._halved()
        bins = [*trail.bins, *[None] * (index + 1 - len(trail.bins))]
        if index - len(trail.bins) == 1 and trail.bins:
            bins[index - 1] = bins[index - 2]  # values at an even pace miss a bin now and then
        bins[index] = trail._joined(bins[index], _Bin(1, values))
        return replace(trail, bins=tuple(bins))

    def series(self, figure: int, seconds: float, width: int) -> list[float | None]:
        """One figure as `width` values over the first `seconds` of the run; None where nothing is known."""
        cells: list[float | None] = []
        each = seconds / width
        for cell in range(width):
            first = int(cell * each / self.bin_s + 1e-9)
            after = max(first + 1, int((cell + 1) * each / self.bin_s + 1e-9))
            known = [v for b in self.bins[first:after] if b is not None and (v := b.values[figure]) is not None]
            cells.append((max(known) if figure in self.peaks else sum(known) / len(known)) if known else None)
        return cells

    def _halved(self) -> Trail:
        pairs = zip(self.bins[::2], [*self.bins[1::2], None], strict=False)
        return replace(self, bin_s=self.bin_s * 2, bins=tuple(self._joined(a, b) for a, b in pairs))

    def _joined(self, a: _Bin | None, b: _Bin | None) -> _Bin | None:
        if a is None or b is None:
            return a or b
        return _Bin(a.count + b.count, tuple(self._value(i, a, b) for i in range(len(a.values))))

    def _value(self, figure: int, a: _Bin, b: _Bin) -> float | None:
        x, y = a.values[figure], b.values[figure]
        if x is None or y is None:
            return y if x is None else x
        return max(x, y) if figure in self.peaks else (x * a.count + y * b.count) / (a.count + b.count)


_AXIS_S: Sequence[float] = (10, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 28800, 57600, 86400)


def axis_s(elapsed_s: float) -> float:
    """The length of the time axis while a run goes on: the next of a few, so that it holds still in between."""
    return next((length for length in _AXIS_S if length >= elapsed_s), elapsed_s)
