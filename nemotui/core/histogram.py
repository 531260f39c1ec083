"""Times counted in bins of one microsecond: percentiles exact to that, memory by distinct values, not by samples."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

# Beyond so many distinct values they are counted in an array, which takes less for each: 8 MiB for all up to 2.1 s.
MOST_SPARSE = 20_000
DENSE_US = 1 << 21
# Longer ones are rounded then, by less than 1 in 8,192: an octave holds so many values and no more.
_LONG_BITS = 14
# Significant bits that `rounded` keeps: a value moves by less than 1 in 128, and an octave holds 128 values.
_ROUNDED_BITS = 8
# Of a bucket to draw: 8 in an octave, each at most an eighth wide.
_BUCKET_BITS = 4


class Histogram:
    """How often each whole number of microseconds was seen; all figures are made from that.

    Figures are microseconds, None while nothing was seen. Two histograms merge without loss. Of any number of samples
    it takes at most some 25 MB.
    """

    __slots__ = ("_dense", "_limit", "_sparse")

    def __init__(self, samples_us: Iterable[int] = ()) -> None:
        self._sparse: Counter[int] = Counter()
        self._dense: array[int] | None = None
        self._limit = MOST_SPARSE
        self.update(samples_us)

    @classmethod
    def of(cls, items: Iterable[tuple[int, int]]) -> Histogram:
        """From what `items` gave."""
        made = cls()
        for us, n in items:
            made._sparse[us] += n
            if len(made._sparse) > made._limit:
                made._spill()
        return made

    def __len__(self) -> int:
        return self._sparse.total() + sum(self._dense or ())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and list(self.items()) == list(other.items())

    def items(self) -> Iterator[tuple[int, int]]:
        """(µs, samples) of each value that was seen, from the shortest on."""
        if self._dense is not None:
            self._spill()
            yield from ((us, n) for us, n in enumerate(self._dense) if n)
        yield from ((us, self._sparse[us]) for us in sorted(self._sparse))

    def add(self, us: int) -> None:
        """Count one sample."""
        self.update((us,))

    def update(self, samples_us: Iterable[int]) -> None:
        """Count many samples at the speed of C."""
        self._sparse.update(samples_us)
        if len(self._sparse) > self._limit:
            self._spill()

    def merge(self, other: Histogram) -> None:
        """Add all that `other` has counted."""
        for us, n in other.items():
            self._sparse[us] += n
        if len(self._sparse) > self._limit:
            self._spill()

    def mean(self) -> float | None:
        """The arithmetic mean."""
        total = sum(us * n for us, n in self.items())
        return total / len(self) if len(self) else None

    def std(self) -> float | None:
        """The population's standard deviation, as `numpy.std`."""
        count = total = squares = 0
        for us, n in self.items():
            count += n
            total += us * n
            squares += us * us * n
        return math.sqrt(count * squares - total * total) / count if count else None

    def percentile(self, q: float) -> float | None:
        """The q-th percentile, q in 0..100, by linear interpolation, as `numpy.percentile` does by default."""
        return self.percentiles(q)[0]

    def percentiles(self, *qs: float) -> list[float | None]:
        """Several percentiles for the price of one walk."""
        count = len(self)
        if not count:
            return [None] * len(qs)
        ranks = [q / 100 * (count - 1) for q in qs]
        wanted = sorted({whole(rank) for rank in ranks for whole in (math.floor, math.ceil)}, reverse=True)
        found, seen = dict[int, int](), 0  # the value at each rank that is needed, in one walk
        for us, n in self.items():
            seen += n
            while wanted and wanted[-1] < seen:
                found[wanted.pop()] = us
        return [
            (low := found[math.floor(rank)]) + (found[math.ceil(rank)] - low) * (rank - math.floor(rank))
            for rank in ranks
        ]

    def below(self, limit_us: int) -> int:
        """The samples that are shorter than this."""
        return sum(n for us, n in self.items() if us < limit_us)

    def rounded(self) -> Histogram:
        """The same samples with less than 1 % taken off each: small enough to be read four times a second."""
        coarse = Histogram()
        for us, n in self.items():
            coarse._sparse[rounded(us)] += n
        return coarse

    def buckets(self) -> list[tuple[int, int]]:
        """(lower edge in µs, samples) of buckets that grow with the value, eight in an octave: what a chart draws."""
        buckets: Counter[int] = Counter()
        for us, n in self.items():
            buckets[_leading_bits(us, _BUCKET_BITS)] += n
        return sorted(buckets.items())

    def _spill(self) -> None:
        """Take what is counted one by one into the array."""
        if self._dense is None:
            self._dense = array("I", bytes(4 * DENSE_US))
        dense, long = self._dense, Counter[int]()
        for us, n in self._sparse.items():
            if 0 <= us < DENSE_US:
                dense[us] += n
            else:
                long[_leading_bits(us, _LONG_BITS)] += n
        self._sparse, self._limit = long, len(long) + MOST_SPARSE


def rounded(us: int) -> int:
    """`us` with less than 1 % taken off."""
    return _leading_bits(us, _ROUNDED_BITS)


def _leading_bits(us: int, bits: int) -> int:
    shift = max(us.bit_length() - bits, 0)
    return us >> shift << shift
