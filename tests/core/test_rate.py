"""How fast bytes arrive."""

from __future__ import annotations

from functools import reduce

from nemotui.core.rate import Rate


def over(*seen: tuple[float, int]) -> Rate:
    return reduce(lambda rate, at: rate.after(*at), seen, Rate())


def test_nothing_is_known_before_a_second_has_passed() -> None:
    assert Rate().bytes_per_s is None
    assert over((0.0, 0), (0.5, 10**9)).bytes_per_s is None
    assert over((0.0, 0), (0.5, 10**9)).eta_s(2 * 10**9) is None


def test_the_last_seconds_count() -> None:
    rate = over(*((float(at), at * 100) for at in range(50)), *((50.0 + at, 5000 + at * 10) for at in range(30)))
    assert rate.bytes_per_s == 10.0
    assert rate.eta_s(5290 + 1000) == 100.0


def test_what_stands_still_has_no_end() -> None:
    rate = over((0.0, 500), (30.0, 500), (40.0, 500))
    assert rate.bytes_per_s == 0.0
    assert rate.eta_s(1000) is None
    assert over((0.0, 0), (10.0, 500)).eta_s(None) is None


def test_what_is_there_needs_no_time_and_what_shrank_has_no_rate() -> None:
    assert over((0.0, 0), (10.0, 500)).eta_s(400) == 0.0
    assert over((0.0, 900), (10.0, 500)).bytes_per_s == 0.0
