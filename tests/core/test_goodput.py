"""The search for the highest load that keeps its promises, on servers whose knee is known."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import UsageError
from nemotui.core.goodput import (
    MOST_PROBES,
    PRECISION,
    Fault,
    Found,
    Objective,
    Probe,
    judged,
    once_more,
    parse_objectives,
    reasons,
    search,
    sentence,
)

SLO = (Objective(quantity="ttft", limit_ms=500), Objective(quantity="itl", limit_ms=40))


def result(ttft_ms: float, itl_ms: float, **changed: Any) -> dict[str, Any]:
    return {
        "failed": 0,
        "complete": True,
        "errors": {},
        "clock": {"trusted": True, "notes": []},
        "p95_ttft_ms": ttft_ms,
        "p95_itl_ms": itl_ms,
        "mean_tpot_ms": itl_ms,
        **changed,
    }


# Servers by the load they carry: a single queue whose wait has a pole, a batch whose step grows with its size, and one
# that preempts as soon as its KV cache is full. Each with the knee that follows from its formula.
def queue(load: float) -> dict[str, Any]:
    return result(100 / max(1 - load / 200, 1e-3), 20)


def batch(load: float) -> dict[str, Any]:
    return result(50, 10 + load / 4)


def cliff(load: float) -> dict[str, Any]:
    return result(80, 12) if load <= 93 else result(9_000, 300)


def found(
    server: Callable[[float], dict[str, Any]], *, most: float = 1024, least: float = 1, whole: bool = True
) -> Found:
    async def measure(load: float) -> dict[str, Any]:
        return server(load)

    async def run() -> Found:
        async for event in search(measure, SLO, least=least, most=most, whole=whole):
            if isinstance(event, Found):
                return event
        raise AssertionError("a search ends with what it found")

    return asyncio.run(run())


@pytest.mark.parametrize(("server", "knee", "limit"), [(queue, 160, "ttft"), (batch, 120, "itl"), (cliff, 93, "ttft")])
def test_the_knee_of_a_known_server_is_found_within_ten_percent_in_eight_probes(
    server: Callable[[float], dict[str, Any]], knee: float, limit: str
) -> None:
    answer = found(server)
    assert len(answer.probes) <= MOST_PROBES
    assert answer.best is not None
    assert knee / 1.1 <= answer.best.load <= knee
    assert answer.beyond is not None
    assert answer.beyond.limit == limit


@given(knee=st.integers(1, 1023))
def test_any_knee_is_found_within_ten_percent_or_one_user(knee: int) -> None:
    answer = found(lambda load: result(100, 10) if load <= knee else result(1000, 10))
    assert len(answer.probes) <= MOST_PROBES
    assert answer.best is not None
    assert answer.best.load <= knee
    assert knee - answer.best.load < 1 or knee / answer.best.load <= PRECISION


@given(knee=st.floats(0.06, 49))
def test_a_rate_is_found_within_ten_percent(knee: float) -> None:
    answer = found(lambda rate: result(100 if rate <= knee else 1000, 10), least=0.05, most=50, whole=False)
    assert len(answer.probes) <= MOST_PROBES
    assert answer.best is not None
    assert knee / PRECISION <= answer.best.load <= knee


def test_a_server_that_carries_all_that_was_asked_is_asked_for_the_most() -> None:
    answer = found(lambda load: result(100, 10))
    assert answer.best is not None
    assert answer.best.load == 1024
    assert answer.beyond is None
    assert sentence(answer, whole=True) == "serves 1,024 users at 100 tok/s each, the most that was asked"


def test_a_server_that_carries_nobody_says_why() -> None:
    answer = found(lambda load: result(900, 10))
    assert answer.best is None
    assert answer.probes[-1].load == 1
    assert sentence(answer, whole=True) == "does not serve even 1 user: TTFT p95 900 of 500 ms"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"failed": 1, "errors": {"http_5xx": 1}}, "requests failed"),
        ({"complete": False, "reason": "the run was stopped"}, "not complete"),
        ({"beside": ["20261127T100000Z-other"]}, "server shared"),
        ({"clock": {"trusted": False, "notes": ["late"]}}, "clock untrusted"),
        ({"p95_itl_ms": None}, "p95_itl_ms is not known"),
    ],
)
def test_failures_and_a_clock_that_is_not_trusted_are_never_good(changed: dict[str, Any], reason: str) -> None:
    probe = judged(8, SLO, {**result(1, 1), **changed})
    assert not probe.good
    assert probe.reason == reason


@pytest.mark.parametrize(
    ("clocks", "ran", "good"),
    [
        ([{"trusted": True, "passing": False}], 1, True),
        ([{"trusted": False, "passing": True}, {"trusted": True, "passing": False}], 2, True),
        ([{"trusted": False, "passing": True}] * 3, 2, False),  # once, and no more
        ([{"trusted": False, "passing": False}], 1, False),  # it would be the same again
    ],
)
def test_a_load_is_measured_once_more_where_the_generator_was_late(
    clocks: list[dict[str, bool]], ran: int, good: bool
) -> None:
    specs: list[BenchSpec] = []
    told: list[str] = []

    async def measure(spec: BenchSpec) -> dict[str, Any]:
        specs.append(spec)
        return result(1, 1, clock={**clocks[len(specs) - 1], "notes": ["late by 9 ms"]})

    spec = BenchSpec(base_url="http://h", max_concurrency=8)
    last = asyncio.run(once_more(measure, spec, lambda fault: told.append(str(fault))))
    assert specs == [spec] * ran
    assert told == ["clock untrusted: late by 9 ms"] * (ran - 1)
    assert judged(8, SLO, last).good is good


def test_the_sentence_says_users_speed_and_limit() -> None:
    best = judged(24, SLO, result(300, 25))
    beyond = judged(25, SLO, result(600, 25))
    assert sentence(Found(best=best, beyond=beyond, probes=(best, beyond)), whole=True) == (
        "serves 24 users at 40 tok/s each; the limit is TTFT"
    )
    broken: Probe = judged(25, SLO, result(1, 1, failed=2, errors={"timeout": 2}))
    assert sentence(Found(best=best, beyond=broken, probes=(best, broken)), whole=True).endswith(
        "; at 25 users requests failed"
    )
    assert str(broken.fault) == "requests failed: 2 timeout"
    late = judged(1, SLO, result(1, 1, clock={"trusted": False, "notes": ["late"]}))
    assert sentence(Found(best=None, beyond=late, probes=(late,)), whole=True) == (
        "cannot be judged: at 1 user clock untrusted"
    )


def test_loads_are_written_out_however_many_they_are() -> None:
    late = Fault(word="clock untrusted", why="late")
    assert reasons([(8, None), (1024, late), (4096, late)], whole=True) == [
        "clock untrusted with 1024, 4096 at once; with 1024: late"
    ]
    assert reasons([(0.5, late), (2.5, late)], whole=False) == ["clock untrusted at 0.5, 2.5 requests/s; at 0.5: late"]


def test_objectives_are_read_and_refused() -> None:
    assert parse_objectives("ttft:500, itl:40.5") == (
        Objective(quantity="ttft", limit_ms=500),
        Objective(quantity="itl", limit_ms=40.5),
    )
    for wrong in ("", "ttft", "ttft:", "ttft:-1", "ttft:nan", f"ttft:{math.inf}", "speed:3", "ttft:1,ttft:2"):
        with pytest.raises(UsageError):
            parse_objectives(wrong)
