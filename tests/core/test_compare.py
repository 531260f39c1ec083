"""Comparison: no winner by chance, a real slowdown found, and nothing ranked that may not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.compare import HEADLINES, NEAREST, Measured, Noise, compare, noise, same_side, spread, widest
from tests.core.virtual_runs import measured, virtual_run


def test_two_runs_of_one_server_are_within_noise_in_at_least_19_of_20_repetitions() -> None:
    winners = 0
    for repetition in range(20):
        comparison = compare(measured("a", 2 * repetition), measured("b", 2 * repetition + 1))
        assert not comparison.caveats
        winners += any(f.verdict in ("better", "worse") for f in comparison.figures if f.name in HEADLINES)
    assert winners <= 1


def test_a_server_that_is_5_percent_slower_is_found_out_with_the_default_number_of_requests() -> None:
    found = 0
    for repetition in range(20):
        comparison = compare(measured("a", 2 * repetition), measured("b", 2 * repetition + 1, slower=1.05))
        verdicts = {f.name: f.verdict for f in comparison.figures}
        found += "worse" in (verdicts["output_throughput"], verdicts["mean_itl_ms"], verdicts["mean_tpot_ms"])
        assert "better" not in [verdicts[name] for name in HEADLINES]
    assert found >= 19


def test_a_faster_server_is_better_in_throughput_and_in_times() -> None:
    comparison = compare(measured("before", 1), measured("after", 2, slower=0.8))
    verdicts = {f.name: f.verdict for f in comparison.figures}
    assert verdicts["output_throughput"] == verdicts["mean_itl_ms"] == "better"
    assert comparison.sentence.startswith("after beside before: output_throughput +2")


@pytest.mark.parametrize(
    ("changed", "caveat"),
    [
        ({"input_len": 2048}, "input_len is 1024 in a and 2048 in b"),
        ({"max_concurrency": None}, "max_concurrency is 8 in a and not set in b"),
        ({"failed": 2}, "b has failed requests"),
        ({"complete": False}, "b is not complete"),
        ({"time_scaled": True}, "b ran on scaled time"),
        ({"clock": {"trusted": False}}, "b has a clock that is not trusted"),
        ({"beside": ["other"]}, "b shared the server with other runs"),
    ],
)
def test_what_did_not_measure_the_same_thing_is_shown_and_not_ranked(changed: dict[str, Any], caveat: str) -> None:
    a, b = measured("a", 1), measured("b", 2, slower=2)
    comparison = compare(a, replace(b, result={**b.result, **changed}))
    assert caveat in comparison.caveats
    assert {f.verdict for f in comparison.figures} == {"unknown"}
    assert all(f.change is not None for f in comparison.figures if f.name in HEADLINES)
    assert "cannot be ranked" in comparison.sentence


def test_a_figure_whose_noise_nobody_knows_has_no_winner() -> None:
    a, b = measured("a", 1), measured("b", 2, slower=2)
    comparison = compare(Measured(name="a", result=a.result, noise={}), Measured(name="b", result=b.result, noise={}))
    assert {f.verdict for f in comparison.figures} == {"unknown"}


def test_repeated_runs_widen_the_noise_that_a_single_run_cannot_see() -> None:
    # Three runs of the same setup whose own noise is small, and which lie 10 % apart all the same.
    runs = [measured(str(seed), seed, slower=slower) for seed, slower in ((1, 1.0), (2, 1.1), (3, 0.9))]
    between = spread([run.result for run in runs])
    alone = compare(runs[0], runs[1])
    together = compare(*(replace(run, noise=widest(run.noise, between)) for run in runs[:2]))
    assert {f.name: f.verdict for f in alone.figures}["mean_itl_ms"] == "worse"
    assert {f.name: f.verdict for f in together.figures}["mean_itl_ms"] == "within noise"
    assert spread([run.result for run in runs[:2]]) == {}


def test_noise_is_unknown_of_few_requests_and_of_a_file_that_was_cut() -> None:
    spec, records, _ = virtual_run(1)
    assert noise(spec, records[:7], 7) == {}
    assert noise(replace(spec, max_concurrency=None), [], 0) == {}, "all failed"
    assert noise(spec, records[:-1], len(records)) == {}
    known = noise(spec, records, len(records))
    assert 0 < known["mean_itl_ms"].error < 0.05
    assert known["output_throughput"] == known["mean_e2el_ms"]
    assert known["mean_itl_ms"].freedom == 3  # four waves of eight


def test_an_open_loops_throughput_is_the_arrivals_and_has_no_noise_of_its_own() -> None:
    spec, records, _ = virtual_run(1)
    assert "output_throughput" not in noise(replace(spec, request_rate=4.0), records, len(records))


def test_the_wider_of_two_noises_counts() -> None:
    narrow, wide = Noise(error=0.01, freedom=15), Noise(error=0.05, freedom=2)
    assert widest({"x": narrow}, {"x": wide, "y": narrow}) == {"x": wide, "y": narrow}


def side(names: str, run: str, other: str) -> str:
    return "".join(str(one["run"]) for one in same_side([{"run": name} for name in names], run, other))


def test_what_lies_beyond_the_other_run_does_not_count_as_noise() -> None:
    newest_first = "fedcba"
    assert side(newest_first, "c", "d") == "cba"
    assert side(newest_first, "d", "c") == "fed"
    assert side(newest_first, "a", "f") == "a"
    assert side(newest_first, "c", "elsewhere") == newest_first
    assert side(newest_first, "not clean", "c") == ""
    assert len(side("x" * 20 + "ab" + "y" * 20, "b", "a")) == NEAREST
