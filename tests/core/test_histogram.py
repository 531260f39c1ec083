"""Figures from bins are the figures of the samples."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.histogram import Histogram, rounded

SAMPLES = st.lists(st.integers(0, 10**8), min_size=2, max_size=300)


def test_nothing_seen_is_unknown() -> None:
    empty = Histogram()
    assert (len(empty), empty.mean(), empty.std(), empty.percentile(50), empty.percentiles(1, 99)) == (
        0,
        None,
        None,
        None,
        [None, None],
    )
    assert empty.buckets() == []


def test_one_sample_is_every_percentile() -> None:
    assert Histogram([12_000]).percentiles(0, 50, 99, 100) == [12_000] * 4


def test_percentiles_interpolate_between_neighbours_as_numpy_does() -> None:
    # numpy.percentile([1, 2, 3, 4], [25, 50, 90, 99]) is [1.75, 2.5, 3.7, 3.97]
    assert Histogram([4, 1, 3, 2]).percentiles(25, 50, 90, 99) == pytest.approx([1.75, 2.5, 3.7, 3.97])
    # and of [10, 10, 20] at 40, 50, 75: ranks 0.8, 1.0, 1.5
    assert Histogram([10, 20, 10]).percentiles(40, 50, 75) == pytest.approx([10, 10, 15])


def test_mean_and_population_deviation() -> None:
    histogram = Histogram([2, 4, 4, 4, 5, 5, 7, 9])
    assert histogram.mean() == 5
    assert histogram.std() == 2  # numpy.std's default, not the sample's 2.14


@given(SAMPLES)
def test_exact_against_the_standard_library(samples: list[int]) -> None:
    histogram = Histogram(samples)
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    assert histogram.percentiles(*range(1, 100)) == pytest.approx(cuts)
    assert histogram.mean() == pytest.approx(statistics.fmean(samples))
    assert histogram.std() == pytest.approx(statistics.pstdev(samples), abs=1e-6)


@given(SAMPLES, SAMPLES)
def test_merging_loses_nothing(a: list[int], b: list[int]) -> None:
    merged = Histogram(a)
    merged.merge(Histogram(b))
    assert merged.counts == Histogram(a + b).counts
    assert len(merged) == len(a) + len(b)


def test_add_and_update_count_alike() -> None:
    one, many = Histogram(), Histogram()
    for us in (5, 5, 7):
        one.add(us)
    many.update([5, 5, 7])
    assert one.counts == many.counts == {5: 2, 7: 1}


def test_buckets_are_eighths_of_an_octave() -> None:
    # 12,000 = 0b10111011100000: its leading four bits are 1011, so its bucket is [11264, 12288).
    assert Histogram([11_264, 12_000, 12_287, 12_288, 3]).buckets() == [(3, 1), (11_264, 3), (12_288, 1)]


@given(st.integers(0, 10**9))
def test_rounding_takes_off_less_than_one_percent(us: int) -> None:
    assert us * 0.99 <= rounded(us) <= us
