"""Times counted in bins of one microsecond: percentiles exact to that, memory by distinct values, not by samples."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

# Significant bits that `rounded` keeps: a value moves by less than 1 in 128, and an octave holds 128 values.
_ROUNDED_BITS = 8
# Of a bucket to draw: 8 in an octave, each at most an eighth wide.
_BUCKET_BITS = 4


class Histogram:
    """How often each whole number of microseconds was seen; `counts` is the data, all figures are made from it.

    Figures are microseconds, None while nothing was seen. Two histograms merge without loss.
    """

    __slots__ = ("counts",)

    def __init__(self, samples_us: Iterable[int] = ()) -> None:
        self.counts: Counter[int] = Counter(samples_us)

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, us: int) -> None:
        """Count one sample."""
        self.counts[us] += 1

    def update(self, samples_us: Iterable[int]) -> None:
        """Count many samples at the speed of C."""
        self.counts.update(samples_us)

    def merge(self, other: Histogram) -> None:
        """Add all that `other` has counted."""
        self.counts.update(other.counts)

    def mean(self) -> float | None:
        """The arithmetic mean."""
        return sum(us * n for us, n in self.counts.items()) / len(self) if self.counts else None

    def std(self) -> float | None:
        """The population's standard deviation, as `numpy.std`."""
        if not self.counts:
            return None
        n = len(self)
        total = sum(us * k for us, k in self.counts.items())
        squares = sum(us * us * k for us, k in self.counts.items())
        return math.sqrt(n * squares - total * total) / n

    def percentile(self, q: float) -> float | None:
        """The q-th percentile, q in 0..100, by linear interpolation, as `numpy.percentile` does by default."""
        return self.percentiles(q)[0]

    def percentiles(self, *qs: float) -> list[float | None]:
        """Several percentiles for the price of one sort."""
        if not self.counts:
            return [None] * len(qs)
        values = sorted(self.counts)
        upto = list(accumulate(self.counts[us] for us in values))  # samples at or below each value

        def at(rank: float) -> float:
            low, high = (values[bisect_right(upto, whole(rank))] for whole in (math.floor, math.ceil))
            return low + (high - low) * (rank % 1)

        return [at(q / 100 * (upto[-1] - 1)) for q in qs]

    def buckets(self) -> list[tuple[int, int]]:
        """(lower edge in µs, samples) of buckets that grow with the value, eight in an octave: what a chart draws."""
        buckets: Counter[int] = Counter()
        for us, n in self.counts.items():
            buckets[_leading_bits(us, _BUCKET_BITS)] += n
        return sorted(buckets.items())


def rounded(us: int) -> int:
    """`us` with less than 1 % taken off, so that a histogram that is read four times a second stays small."""
    return _leading_bits(us, _ROUNDED_BITS)


def _leading_bits(us: int, bits: int) -> int:
    shift = max(us.bit_length() - bits, 0)
    return us >> shift << shift
