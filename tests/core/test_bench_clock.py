"""What is said of the clock: from what it noticed of itself, and from the chunks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from nemotui.core.bench_clock import ClockWatch
from nemotui.core.bench_summary import Summary, summarise
from nemotui.core.histogram import Histogram
from tests.core.bench_record import RECORD, SPEC


def test_a_steady_single_token_stream_is_trusted() -> None:
    steady = dataclasses.replace(RECORD, completion_tokens=3)
    summary = Summary(SPEC)
    summary.add(steady)
    watch = ClockWatch(lag=Histogram([30, 40, 50]), cpu_s=45e-6, busiest=0.1, started_monotonic_ns=5)
    assert summary.result(1.0, watch)["clock"] == {
        "source": "kernel",
        "trusted": True,
        "passing": False,
        "coalesced_share": 0,
        "burst_share": 0,
        "lag_p99_us": 50,
        "workers": 1,
        "cpu_us_per_chunk": 15,
        "busiest_worker_cores": 0.1,
        "steps": 0,
        "started_monotonic_ns": 5,
        "notes": [],
    }


def test_without_the_process_its_clock_is_unknown() -> None:
    clock = summarise(SPEC, [dataclasses.replace(RECORD, completion_tokens=3)], 1.0)["clock"]
    assert (clock["source"], clock["lag_p99_us"], clock["cpu_us_per_chunk"]) == (None, None, None)
    assert (clock["trusted"], len(clock["notes"])) == (False, 1)
    assert "whether it kept up is not known" in clock["notes"][0]


def test_chunks_read_together_make_the_clock_doubtful() -> None:
    merged = dataclasses.replace(RECORD, token_us=(100_000, 100_000, 130_000), completion_tokens=3, coalesced=1)
    clock = summarise(SPEC, [merged], 1.0)["clock"]
    assert (clock["trusted"], clock["coalesced_share"], clock["burst_share"]) == (False, 1 / 3, 0)
    assert "use TPOT instead of ITL" in clock["notes"][0]


def test_chunks_hard_on_the_heels_of_others_make_the_clock_doubtful() -> None:
    burst = dataclasses.replace(RECORD, token_us=(100_000, 100_010, 130_000), completion_tokens=3)
    clock = summarise(SPEC, [burst], 1.0)["clock"]
    assert (clock["trusted"], clock["coalesced_share"], clock["burst_share"]) == (False, 0, 1 / 3)
    assert "sends in bursts: use TPOT instead of ITL" in clock["notes"][0]


@pytest.mark.parametrize(
    ("noticed", "coalesced", "words"),
    [
        ({"lag": [8_000] * 9}, 0, "TTFT and ITL hold, but the next request of a stream went out so much later"),
        ({"lag": [8_000] * 9}, 1, "the load generator is the bottleneck"),
        ({"lag": [8_000] * 9}, 1, "TTFT and TPOT hold, but the next request of a stream went out so much later"),
        ({"lag": [10] * 8 + [8_000]}, 1, "33.3% of the chunks came together with the one before: use TPOT"),
        ({"lag": [8_000] * 9, "user_reads": 9}, 0, "late by up to 8.0 ms: TTFT and ITL hold within that"),
        ({"lag": [10] * 9, "user_reads": 3}, 0, "3 of 9 reads came without the kernel's time"),
        ({"lag": [10] * 9, "busiest": 0.97}, 0, "took 97% of a core"),
        (
            {"lag": [10] * 9, "steps": 2, "largest_step_us": 1_500},
            0,
            "clock was set while it ran (2 times, by up to 1.5",
        ),
    ],
)
def test_what_the_generator_noticed_of_itself(noticed: dict[str, Any], coalesced: int, words: str) -> None:
    summary = Summary(SPEC)
    summary.add(dataclasses.replace(RECORD, completion_tokens=3, coalesced=coalesced))
    clock = summary.result(1.0, ClockWatch(**{**noticed, "lag": Histogram(noticed["lag"])}))["clock"]
    assert clock["trusted"] is False
    assert any(words in note for note in clock["notes"])


@pytest.mark.parametrize(
    ("noticed", "tokens", "passing"),
    [
        ({"lag": [8_000] * 9}, 3, True),
        ({"lag": [10] * 9, "busiest": 0.97}, 3, True),
        ({"lag": [10] * 9}, 3, False),  # nothing is in doubt
        ({"lag": [8_000] * 9}, 4, False),  # a chunk will hold several tokens next time, too
    ],
)
def test_another_run_may_be_well_where_only_the_generator_was_late(
    noticed: dict[str, Any], tokens: int, passing: bool
) -> None:
    summary = Summary(SPEC)
    summary.add(dataclasses.replace(RECORD, completion_tokens=tokens))
    watch = ClockWatch(**{**noticed, "lag": Histogram(noticed["lag"])})
    assert summary.result(1.0, watch)["clock"]["passing"] is passing


def test_several_tokens_in_a_chunk_are_said() -> None:
    summary = Summary(SPEC)
    summary.add(RECORD)
    clock = summary.result(1.0, ClockWatch(lag=Histogram([30])))["clock"]
    assert (clock["trusted"], clock["notes"]) == (
        False,
        ["a chunk holds 1.33 tokens on average: ITL is a gap of chunks; TPOT is a token's time"],
    )
