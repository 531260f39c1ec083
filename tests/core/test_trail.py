"""A run of any length in a bounded number of bins."""

from __future__ import annotations

import pytest

from nemotui.core.trail import MOST, Trail, axis_s


def filled(seconds: int) -> Trail:
    """Two figures, four values a second: the time itself, and its highest."""
    trail = Trail(bin_s=0.25, peaks=frozenset([1]))
    for quarter in range(seconds * 4):
        trail = trail.after(quarter / 4, (quarter / 4, quarter / 4))
    return trail


def test_a_short_run_is_kept_as_it_came() -> None:
    trail = Trail(bin_s=1.0).after(0.2, (5.0,)).after(1.5, (None,)).after(2.9, (7.0,))
    assert trail.series(0, 3.0, 3) == [5.0, None, 7.0]


def test_one_missed_bin_is_jitter_and_more_are_a_gap() -> None:
    trail = Trail(bin_s=1.0).after(0.9, (5.0,)).after(2.1, (6.0,)).after(5.1, (7.0,))
    assert trail.series(0, 6.0, 6) == [5.0, 5.0, 6.0, None, None, 7.0]


@pytest.mark.parametrize("seconds", [100, 1000, 5000])
def test_any_length_takes_as_many_bins_and_keeps_means_and_peaks(seconds: int) -> None:
    trail = filled(seconds)
    assert len(trail.bins) <= MOST
    means, peaks = trail.series(0, seconds, 4), trail.series(1, seconds, 4)
    for part, (mean, peak) in enumerate(zip(means, peaks, strict=True)):
        assert mean == pytest.approx((part + 0.5) * seconds / 4, abs=2 * trail.bin_s)
        assert peak == pytest.approx((part + 1) * seconds / 4, abs=2 * trail.bin_s)


def test_a_second_in_which_nothing_was_known_is_unknown_and_a_bin_remembers_what_was() -> None:
    trail = Trail(bin_s=1.0).after(0, (None,)).after(0.5, (4.0,)).after(1, (None,))
    assert trail.series(0, 2.0, 2) == [4.0, None]


def test_fewer_bins_than_columns_are_drawn_wide() -> None:
    trail = Trail(bin_s=1.0).after(0, (1.0,)).after(1, (2.0,))
    assert trail.series(0, 2.0, 6) == [1, 1, 1, 2, 2, 2]


def test_the_axis_holds_still_for_a_while() -> None:
    assert [axis_s(s) for s in (0, 10, 10.1, 61, 301, 100_000)] == [10, 10, 20, 120, 600, 100_000]
