"""Merging the runs of several clients: exact, and only what may be one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.bench_summary import Summary
from nemotui.core.errors import FailedError
from nemotui.core.merge import Part, merge
from tests.core.virtual_runs import trusted, virtual_run


def part(name: str, seed: int, *, started: float = 1000.0, unkept: bool = False, **changed: Any) -> Part:
    spec, records, seconds = virtual_run(seed)
    summary = Summary(spec)
    for record in records:
        summary.add(record)
    result = trusted({**summary.result(seconds), "complete": True, "date": f"2026-{seed}"})
    if unkept:
        records = [replace(r, token_us=(r.token_us[0], r.token_us[-1]), unkept=len(r.token_us) - 2) for r in records]
    return Part(
        name=name,
        spec=spec,
        result={**result, "started_unix_s": started, "clock_ahead_of_server_s": 0.2, **changed},
        requests=records,
        gaps=summary.gaps() if unkept else None,
    )


@pytest.mark.parametrize("unkept", [False, True])
def test_percentiles_are_those_of_all_requests_and_gaps_together(unkept: bool) -> None:
    merged = merge([part("a", 1, unkept=unkept), part("b", 2)])
    spec, one, _ = virtual_run(1)
    _, two, _ = virtual_run(2)
    all_of_them = Summary(spec)
    for record in (*one, *two):
        all_of_them.add(record)
    for name, value in all_of_them.times().items():
        assert merged[name] == pytest.approx(value), name
    assert merged["completed"] == 64
    assert merged["num_prompts"] == 64
    assert merged["max_concurrency"] == 16
    assert merged["clock"]["trusted"]
    assert merged["merged"] == ["a", "b"]
    assert merged["overlap_share"] > 0.9


def test_throughput_is_that_of_the_time_from_the_first_start_to_the_last_end() -> None:
    a, b = part("a", 1), part("b", 2, started=1003.0)
    merged = merge([a, b])
    assert merged["duration"] == pytest.approx(3 + b.result["duration"])
    assert "overlapped for" in merged["notes"][0]
    assert merged["output_throughput"] == pytest.approx(64 * 128 / merged["duration"])


def test_a_clock_that_is_off_is_taken_out_and_said() -> None:
    merged = merge([part("a", 1), part("b", 2, started=1600.0, clock_ahead_of_server_s=600.0)])
    assert merged["overlap_share"] > 0.9
    assert merged["notes"] == ["the clock of b is 600 s ahead of the server's; that was taken out"]


def test_what_was_not_one_load_is_refused() -> None:
    with pytest.raises(FailedError, match="did not overlap"):
        merge([part("a", 1), part("b", 2, started=2000.0)])
    with pytest.raises(FailedError, match="did not keep its ITL"):
        merge([part("a", 1), replace(part("b", 2, unkept=True), gaps=None)])
    with pytest.raises(FailedError, match="does not say when"):
        merge([part("a", 1), part("b", 2, started_unix_s=None)])
    other = part("b", 2)
    with pytest.raises(FailedError, match="output_len is 128 in a and 64 in b"):
        merge([part("a", 1), replace(other, spec=replace(other.spec, output_len=64))])


def test_an_untrusted_clock_and_failures_of_one_are_those_of_all() -> None:
    doubtful = part("b", 2, clock={"source": "user", "trusted": False, "notes": ["late"]}, complete=False, reason="cut")
    merged = merge([part("a", 1), doubtful])
    assert not merged["clock"]["trusted"]
    assert merged["clock"]["notes"] == ["b: late"]
    assert not merged["complete"]
    assert merged["reason"] == "cut"


def test_a_run_whose_requests_were_cut_is_refused() -> None:
    whole = part("b", 2)
    cut = replace(whole, requests=list(whole.requests)[:-1])
    with pytest.raises(FailedError, match="b has 31 of its 32 requests"):
        merge([part("a", 1), cut])
    damaged = replace(whole, requests=[replace(record, token_us=()) for record in whole.requests])
    with pytest.raises(FailedError, match="the requests of b cannot be read"):
        merge([part("a", 1), damaged])
