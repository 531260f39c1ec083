"""What stood beside a run: joules from samples, dollars, and the server's own figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nemotui.core.beside import beside, cost, energy, server_side
from nemotui.core.model_server import Observed, ServerMetrics
from nemotui.core.observe import Observation

RESULT: Mapping[str, Any] = {
    "duration": 10.0,
    "total_output_tokens": 1000,
    "output_throughput": 100.0,
    "completed": 8,
    "failed": 0,
    "cancelled": 0,
    "time_scaled": False,
}


def seen(at: float, power: float | None = None, *, phase: Any = "run", **metrics: Any) -> Observation:
    return Observation(phase=phase, elapsed_s=at, gpus=2, power_w=power, server=ServerMetrics(**metrics))


def counted(requests: int, mean_s: float = 0.1, **metrics: Any) -> dict[str, Any]:
    observed = Observed(sum_s=requests * mean_s, count=requests)
    return {"ttft": observed, "itl": observed, "e2el": observed, "generation_tokens": requests * 10, **metrics}


def test_joules_are_the_sampled_power_over_the_runs_time() -> None:
    samples = [seen(0, 400, phase="warmup"), *(seen(second, 1000 + 100 * second) for second in range(11))]
    found = energy(samples, RESULT)
    assert found is not None
    assert found["energy_j"] == pytest.approx(15_000)
    assert found["mean_power_w"] == pytest.approx(1500)
    assert found["j_per_output_token"] == pytest.approx(15)
    assert found["kwh_per_million_output_tokens"] == pytest.approx(15 / 3.6)
    assert (found["gpus"], found["samples"], found["source"]) == (2, 11, "sampled power")


def test_a_gap_takes_the_mean_of_the_rest_and_too_large_a_one_makes_it_unknown() -> None:
    half = [seen(second, 1000) for second in range(7)]
    found = energy([*half, seen(8, None)], RESULT)
    assert found is not None
    assert found["energy_j"] == pytest.approx(10_000)
    assert energy(half[:4], RESULT) is None
    assert energy([], RESULT) is None
    assert energy([seen(1), seen(2)], RESULT) is None


def test_a_million_tokens_cost_what_the_machine_costs_meanwhile() -> None:
    assert cost(RESULT, 9.0) == {"price_per_hour_usd": 9.0, "usd_per_million_output_tokens": pytest.approx(25.0)}
    assert cost(RESULT, None) is None
    assert cost({**RESULT, "output_throughput": None}, 9.0) is None


def test_the_servers_means_are_of_what_it_counted_during_the_run() -> None:
    before = counted(100, 5.0, prefix_cache_queries=1000, prefix_cache_hits=900, preemptions=1, running=0)
    after = {
        **counted(108, prefix_cache_queries=1400, prefix_cache_hits=1000, preemptions=4, running=8, waiting=3),
        **{name: Observed(sum_s=500 + 8 * 0.25, count=108) for name in ("ttft", "itl", "e2el")},
    }
    found = server_side([seen(0, phase="warmup"), seen(0, **before), seen(10, **after)], RESULT)
    assert found is not None
    assert found["mean_ttft_ms"] == pytest.approx(250)
    assert (found["requests"], found["other_requests"]) == (8, 0)
    assert found["prefix_cache_hit_share"] == pytest.approx(0.25)
    assert (found["preemptions"], found["max_running"], found["max_waiting"]) == (3, 8, 3)
    assert not found["restarted"]


def test_requests_of_others_are_counted() -> None:
    found = server_side([seen(0, **counted(0)), seen(10, **counted(20))], RESULT)
    assert found is not None
    assert found["other_requests"] == 12


def test_a_restarted_server_says_nothing_of_the_whole_run() -> None:
    found = server_side([seen(0, **counted(50)), seen(5, **counted(52)), seen(10, **counted(4))], RESULT)
    assert found is not None
    assert found["restarted"]
    assert (found["mean_ttft_ms"], found["other_requests"], found["prefix_cache_hit_share"]) == (None, None, None)


def test_a_server_without_metrics_says_nothing() -> None:
    assert server_side([seen(0), seen(1)], RESULT) is None
    assert beside(RESULT, [seen(0)], None) == {**RESULT, "energy": None, "cost": None, "server_side": None}


def test_scaled_time_costs_nothing_that_is_known() -> None:
    scaled = beside({**RESULT, "time_scaled": True}, [seen(s, 1000) for s in range(11)], 9.0)
    assert (scaled["energy"], scaled["cost"]) == (None, None)


def test_the_look_that_misses_least_is_where_the_counting_begins() -> None:
    """The first look of the run came late: five of eight had ended; the one before has the warm-up too."""
    looks = [seen(0, phase="warmup", **counted(100)), seen(0.4, **counted(106)), seen(10, **counted(109))]
    found = server_side(looks, RESULT)
    assert found is not None
    assert (found["requests"], found["other_requests"]) == (9, 0)
