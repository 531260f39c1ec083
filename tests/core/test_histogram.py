"""Figures from bins are the figures of the samples."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nemotui.core.histogram as histogram_module
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
    assert merged == Histogram(a + b)
    assert len(merged) == len(a) + len(b)


def test_add_and_update_count_alike() -> None:
    one, many = Histogram(), Histogram()
    for us in (5, 5, 7):
        one.add(us)
    many.update([5, 5, 7])
    assert list(one.items()) == list(many.items()) == [(5, 2), (7, 1)]
    assert one != Histogram([5, 7])


def test_buckets_are_eighths_of_an_octave() -> None:
    # 12,000 = 0b10111011100000: its leading four bits are 1011, so its bucket is [11264, 12288).
    assert Histogram([11_264, 12_000, 12_287, 12_288, 3]).buckets() == [(3, 1), (11_264, 3), (12_288, 1)]


@given(st.integers(0, 10**9))
def test_rounding_takes_off_less_than_one_percent(us: int) -> None:
    assert us * 0.99 <= rounded(us) <= us
    coarse = Histogram([us, us]).rounded()
    assert list(coarse.items()) == [(rounded(us), 2)]


@given(SAMPLES)
def test_many_distinct_values_are_counted_as_few_are(samples: list[int]) -> None:
    short = [us % 5_000 for us in samples]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram_module, "MOST_SPARSE", 5)
        patch.setattr(histogram_module, "DENSE_US", 4_000)  # and those above are not so many that they are rounded
        many = Histogram()
        for us in short:
            many.add(us)
        assert many == Histogram(short)
        assert (len(many), many.percentiles(1, 50, 99)) == (len(short), Histogram(short).percentiles(1, 50, 99))
        assert many.below(1000) == sum(us < 1000 for us in short)


def test_millions_of_distinct_samples_take_little_memory() -> None:
    """Times spread over an hour, no two alike, and what is as short as a token's gap exact all the same."""
    code = """
import resource
from nemotui.core.histogram import Histogram
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
times = Histogram()
for i in range(10):
    times.update(range(i, 2_000_000, 20))
    times.update(range(2_100_000 + i, 3_600_000_000, 72_001))
assert times.percentile(0) == 0 and len(times) > 1_400_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 80 * 1024
