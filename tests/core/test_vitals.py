"""Rates out of counters, a heartbeat that is only missed when there is work, and what is said of it all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.advisor import advise, idle
from nemotui.core.model_server import ServerMetrics
from nemotui.core.vitals import HUNG_AFTER_S, Vitals

BUSY = ServerMetrics(
    running=3,
    waiting=1,
    kv_cache_usage=0.3,
    generation_tokens=1000.0,
    prompt_tokens=0.0,
    prefix_cache_queries=0.0,
    prefix_cache_hits=0.0,
    preemptions=0.0,
)


def watched(*looks: dict[str, Any], every_s: float = 2.0, begin: ServerMetrics = BUSY) -> Vitals:
    """Looks that differ from the first by these fields."""
    vitals = Vitals().after(0.0, begin)
    for number, fields in enumerate(looks, 1):
        vitals = vitals.after(number * every_s, replace(begin, **fields))
    return vitals


def test_rates_are_of_the_last_seconds_and_shares_of_the_last_minute() -> None:
    looks = [
        {
            "generation_tokens": 1000.0 + 200 * n,
            "prompt_tokens": 50.0 * n,
            "prefix_cache_queries": 50.0 * n,
            "prefix_cache_hits": 40.0 * n,
            "draft_tokens": 30.0 * n,
            "accepted_tokens": 21.0 * n,
        }
        for n in range(1, 6)
    ]
    vitals = watched(*looks, begin=replace(BUSY, draft_tokens=0.0, accepted_tokens=0.0))
    assert vitals.generation_throughput == 100
    assert vitals.prompt_throughput == 25
    assert vitals.prefix_hit_rate == 0.8
    assert vitals.acceptance_rate == pytest.approx(0.7)
    assert vitals.preemptions == 0


def test_what_a_server_does_not_say_is_unknown() -> None:
    vitals = watched({}, {}, begin=ServerMetrics())
    figures = (vitals.generation_throughput, vitals.prompt_throughput, vitals.prefix_hit_rate, vitals.acceptance_rate)
    assert figures == (None,) * 4
    assert (vitals.stalled_s, vitals.idle_s, vitals.busy) == (0, None, None)
    assert Vitals().generation_throughput is None


def test_a_server_that_was_started_anew_begins_anew() -> None:
    vitals = watched({"generation_tokens": 2000.0}, {"generation_tokens": 5.0})
    assert len(vitals.looks) == 1
    assert vitals.generation_throughput is None


def test_only_the_last_minute_is_remembered() -> None:
    assert len(watched(*[{}] * 500).looks) <= 32


def test_work_without_a_token_is_a_stall_within_fifteen_seconds_of_the_last_one() -> None:
    vitals = Vitals().after(0.0, BUSY).after(2.0, replace(BUSY, generation_tokens=1001.0))  # a token at 0.1, say
    at = 2.0
    while vitals.stalled_s < HUNG_AFTER_S:
        at += 2.0
        vitals = vitals.after(at, replace(BUSY, generation_tokens=1001.0))
    assert at <= 14.0


def test_a_look_without_an_answer_ends_no_stall() -> None:
    vitals, found = Vitals(), []
    for at in range(0, 40, 2):
        vitals = vitals.after(float(at), ServerMetrics() if at % 6 == 4 else BUSY)
        if vitals.stalled_s >= HUNG_AFTER_S:
            found.append(at)
    assert found == list(range(12, 40, 2))  # at 10 s there was none; then it is hung, also while it does not answer
    assert "3 running, 1 waiting" in advise(vitals.after(40.0, ServerMetrics()), hung=True)[0].message
    assert vitals.after(40.0, ServerMetrics()).generation_throughput is None
    assert vitals.after(40.0, ServerMetrics()).after(42.0, replace(BUSY, generation_tokens=1001.0)).stalled_s == 0


def test_a_server_that_says_nothing_more_is_neither_hung_nor_idle() -> None:
    for begin in (BUSY, replace(BUSY, running=0, waiting=0)):
        vitals = watched(*[{}] * 10, begin=begin)
        for at in range(22, 90, 2):
            vitals = vitals.after(float(at), ServerMetrics())
        assert (vitals.stalled_s, vitals.idle_s, vitals.busy) == (0, None, None)


def test_an_idle_server_that_now_and_then_does_not_answer_is_idle_all_the_while() -> None:
    idle_now = replace(BUSY, running=0, waiting=0)
    vitals = Vitals()
    for at in range(0, 62, 2):
        vitals = vitals.after(float(at), ServerMetrics() if at % 10 == 4 else idle_now)
    assert vitals.idle_s == 60


def test_a_restart_behind_a_look_without_an_answer_is_one() -> None:
    vitals = Vitals().after(0.0, BUSY).after(2.0, ServerMetrics()).after(4.0, replace(BUSY, generation_tokens=5.0))
    assert vitals.generation_throughput is None
    assert len(vitals.looks) == 1


@pytest.mark.parametrize(
    "looks",
    [
        [{"running": 0, "waiting": 0}] * 60,  # idle
        [{"generation_tokens": 1000.0 + n} for n in range(60)],  # slow
        [{"kv_cache_usage": 0.3 + n / 1000} for n in range(60)],  # a long prompt: no token yet
        [{"running": None, "waiting": None}] * 60,  # another engine
        [{"generation_tokens": None}] * 60,
        [{"running": n % 2, "waiting": 0} for n in range(60)],  # short ones, each done between two looks
    ],
)
def test_no_other_server_is_ever_called_hung(looks: list[dict[str, Any]]) -> None:
    vitals = Vitals().after(0.0, BUSY)
    for number, fields in enumerate(looks, 1):
        vitals = vitals.after(number * 2.0, replace(BUSY, **fields))
        assert vitals.stalled_s < HUNG_AFTER_S


def test_idleness_is_counted_from_when_it_was_seen() -> None:
    vitals = watched(*[{"running": 0, "waiting": 0}] * 10)
    assert vitals.idle_s == 18
    assert vitals.after(99.0, replace(BUSY, running=0, waiting=0, generation_tokens=1010.0)).idle_s == 0
    assert vitals.after(99.0, BUSY).idle_s is None


def kinds(vitals: Vitals, **how: Any) -> list[str]:
    return [advice.kind for advice in advise(vitals, **how)]


def test_a_healthy_server_needs_no_word() -> None:
    assert kinds(watched(*[{"generation_tokens": 1000.0 + n} for n in range(9)])) == []
    assert kinds(Vitals()) == []


def test_a_hung_one_has_what_to_try_by_how_it_was_started() -> None:
    args = ("--tensor-parallel-size", "2", '--speculative-config={"method":"mtp"}')
    (advice,) = advise(watched(*[{}] * 6), hung=True, args=args)
    assert "HUNG: no token for 12 s, 3 running, 1 waiting, /health says 200" in advice.message
    assert "--disable-custom-all-reduce" in advice.fix
    assert "--mtp" in advice.fix
    assert "all-reduce" not in advise(watched(*[{}] * 6), hung=True)[0].fix


def test_a_full_kv_cache_and_preemptions() -> None:
    assert kinds(watched(*[{"kv_cache_usage": 0.97}] * 8)) == ["kv_cache_full"]
    assert kinds(watched({"kv_cache_usage": 0.97}, {"kv_cache_usage": 0.5}, {"kv_cache_usage": 0.97})) == []
    assert kinds(watched({"preemptions": 2.0})) == ["preemptions"]


def test_a_queue_that_grows_names_the_setting_that_is_in_its_way() -> None:
    growing = watched(*[{"waiting": 1 + n, "generation_tokens": 1000.0 + n} for n in range(1, 9)])
    assert "--dp" in advise(growing)[0].fix
    assert "raise it" in advise(growing, args=("--max-num-seqs", "3"))[0].fix
    assert "--dp" in advise(growing, args=("--max-num-seqs", "9" * 5000))[0].fix
    assert kinds(watched(*[{"waiting": 9 - n, "generation_tokens": 1000.0 + n} for n in range(1, 9)])) == []


def test_prefix_caching_that_finds_nothing_or_is_off() -> None:
    asked = {"prefix_cache_queries": 50_000.0, "prompt_tokens": 50_000.0}
    assert kinds(watched(asked)) == ["prefix_caching_idle"]
    assert kinds(watched({**asked, "prefix_cache_hits": 16.0})) == []
    assert kinds(watched(asked), args=("--no-enable-prefix-caching",)) == []
    assert "is off" in advise(watched({"prompt_tokens": 50_000.0}))[0].message


def test_slow_gpus_and_idleness() -> None:
    assert "GPU 0, GPU 1 slowed" in advise(Vitals(), throttled=("GPU 0", "GPU 1"))[0].message
    assert idle(1799.0, 1800.0, None) is None
    assert idle(9e9, 0.0, None) is None
    assert str(idle(3600.0, 1800.0, 12.4)).startswith("Nobody has asked anything for 1:00:00; $12.40 since its start.")
