"""Streams of every shape, from a server that keeps its schedule to some ten microseconds and records what it sent.

Times are compared loosely here, since the tests run beside others: the server may lose its processor between noting a
time and sending. `tests/perf` compares them closely.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.rundir import RunDirectory
from tests.perf.known_schedule import Known, Sent, errors, known_schedule
from tests.real.parts import require

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require("gcc")


def measured(tmp_path: Path, *server: object, **asked: Any) -> tuple[RunDirectory, Known]:
    """A run of 16 requests of 40 tokens, 4 at once, 5 ms apart."""
    with known_schedule("--ttft-us", 30_000, "--itl-us", 5_000, *server) as known:
        shape = {"input_len": 16, "output_len": 40, "num_prompts": 16, "max_concurrency": 4, "keep_chunks": True}
        directory = RunDirectory.create(tmp_path, BenchSpec(base_url=known.url, **{**shape, **asked}), {}, now=0)
        assert subprocess.run([sys.executable, "-m", "nemotui.load", directory.path], check=False).returncode == 0
    return directory, known


SHAPES: dict[str, tuple[object, ...]] = {
    "as vLLM sends": (),
    "in lock-step": ("--lock-step",),
    "no role chunk": ("--no-role",),
    "thinking first": ("--thinking", 30),
    "split events": ("--split-us", 300),
    "CRLF and comments": ("--crlf", "--comments"),
    "merged sends": ("--merge", 2),
    "merged HTTP chunks": ("--merge", 3, "--one-chunk"),
    "all of it": ("--thinking", 7, "--per-chunk", 3, "--no-role", "--comments", "--split-us", 200),
}


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_chunk_is_lost_or_made_up(tmp_path: Path, shape: tuple[object, ...], endpoint: str) -> None:
    directory, known = measured(tmp_path, *shape, endpoint=endpoint)
    result = directory.result()
    assert (result["completed"], result["errors"], result["complete"]) == (16, {}, True)
    assert (result["total_output_tokens"], result["clock"]["source"]) == (16 * 40, "kernel")
    found = errors(directory, known)  # and each request has as many token chunks as were sent
    assert (found.chunk.percentile(50) or 0) < 5_000
    assert abs(found.of("ttft", "50")) < 20_000


def test_thinking_counts_as_the_first_token_and_the_answer_has_its_own(tmp_path: Path) -> None:
    directory, known = measured(tmp_path, "--thinking", 30)
    result = directory.result()
    for record in directory.requests():
        assert record.ttft_us == record.token_us[0]
        assert record.ttfa_us == record.token_us[30]
    assert result["total_reasoning_tokens"] == 16 * 30
    true_us = [(sent.chunks_ns[30] - sent.chunks_ns[0]) / 1e6 for sent in requests_of(known)]
    assert result["mean_ttfa_ms"] - result["mean_ttft_ms"] == pytest.approx(sum(true_us) / len(true_us), rel=0.2)


def requests_of(known: Known) -> list[Sent]:
    return [sent for number, sent in known.sent.items() if number > 0]


def test_several_tokens_in_a_chunk_have_a_true_tpot(tmp_path: Path) -> None:
    directory, known = measured(tmp_path, "--per-chunk", 4)
    result, true_us = directory.result(), errors(directory, known).true_itl.mean()
    assert true_us is not None
    assert result["tokens_per_chunk"] == 4
    assert result["mean_itl_ms"] == pytest.approx(true_us / 1000, rel=0.3)
    assert result["mean_tpot_ms"] == pytest.approx(true_us / 1000 * 9 / 39, rel=0.3)  # nine gaps, forty tokens
    assert result["clock"]["trusted"] is False
    assert any("a chunk holds 4.00 tokens" in note for note in result["clock"]["notes"])


@pytest.mark.parametrize("how", [("--merge", 2), ("--merge", 2, "--one-chunk")])
def test_merged_events_are_counted_and_doubted(tmp_path: Path, how: tuple[object, ...]) -> None:
    directory, known = measured(tmp_path, *how)
    result = directory.result()
    assert result["clock"]["coalesced_share"] >= 0.5
    assert result["clock"]["trusted"] is False
    assert any("TPOT instead of ITL" in note for note in result["clock"]["notes"])
    true_ms = [(sent.chunks_ns[-1] - sent.chunks_ns[0]) / 39 / 1e6 for sent in requests_of(known)]
    assert result["mean_tpot_ms"] == pytest.approx(sum(true_ms) / len(true_ms), rel=0.2)


def test_a_stall_in_every_fiftieth_gap_shows_at_p99(tmp_path: Path) -> None:
    stalls = ("--stall-every", 50, "--stall-us", 80_000)
    directory, known = measured(tmp_path, *stalls, output_len=201, num_prompts=8)
    result, found = directory.result(), errors(directory, known)
    assert result["p99_itl_ms"] > 60  # 85, less what the send before it was late
    assert result["median_itl_ms"] < 20
    assert result["mean_itl_ms"] * 1000 == pytest.approx(found.true_itl.mean(), rel=0.1)


KINDS = {
    "http_400": "http_4xx",
    "http_500": "http_5xx",
    "reset": "reset",
    "cut": "early_end",
    "malformed": "malformed",
    "early_end": "early_end",
    "in_band": "http_5xx",
}


def test_every_second_request_fails_and_none_of_it_is_averaged(tmp_path: Path) -> None:
    directory, known = measured(tmp_path, "--fail-every", 2, "--fail", ",".join(KINDS), num_prompts=28)
    result = directory.result()
    assert (result["completed"], result["failed"], result["complete"]) == (14, 14, True)
    assert result["errors"] == {kind: 2 * n for kind, n in Counter(KINDS.values()).items()}
    assert result["error_samples"].keys() == set(KINDS.values())
    assert result["total_output_tokens"] == 14 * 40
    found = errors(directory, known)
    assert (len(found.ttft), len(found.itl)) == (14, 14 * 39)
    assert result["mean_itl_ms"] * 1000 == pytest.approx(found.itl.mean())
    kept = [record for record in directory.requests() if record.failure is not None]
    assert len(kept) == 14
    assert {len(record.token_us) for record in kept} == {0, 2}  # what came before it is kept


def test_connections_are_used_again(tmp_path: Path) -> None:
    directory, _ = measured(tmp_path)
    opened = [record for record in directory.requests() if record.connect_us is not None]
    assert len(opened) == 4  # a stream's first
    assert directory.result()["mean_connect_ms"] > 0


def test_an_open_loop_measures_from_the_schedule(tmp_path: Path) -> None:
    """Ten arrivals in some 50 ms for one slot: nine wait for it, and their waiting is in the figures."""
    directory, _ = measured(tmp_path, request_rate=200.0, num_prompts=10, max_concurrency=1, output_len=10)
    result, records = directory.result(), sorted(directory.requests(), key=lambda record: record.index)
    assert all(record.sent_s is not None for record in records)
    waits = [(record.sent_s or 0.0) - record.scheduled_s for record in records]
    assert waits[-1] > 0.2  # nine requests of 75 ms and more, less the time in which it was not yet due
    alone = sum(record.ttft_us or 0 for record in records) / 10_000
    assert result["mean_ttft_ms"] == pytest.approx(alone + sum(waits) * 100, rel=0.01)
    assert result["as_vllm"]["mean_ttft_ms"] < result["mean_ttft_ms"]


def test_more_processes_give_the_same_requests_and_one_result(tmp_path: Path) -> None:
    directory, known = measured(tmp_path, workers=3, num_prompts=20)
    result = directory.result()
    assert (result["completed"], result["clock"]["workers"]) == (20, 3)
    assert sorted(record.index for record in directory.requests()) == list(range(20))
    found = errors(directory, known)
    times = [b - a for record in directory.requests() for a, b in itertools.pairwise(record.token_us)]
    assert len(found.itl) == len(times) == 20 * 39
    for figure, q in (("median_itl_ms", 50), ("p99_itl_ms", 99)):
        assert result[figure] * 1000 == pytest.approx(found.itl.percentile(q))


def test_chunk_times_are_kept_on_request_and_figures_are_the_same_without(tmp_path: Path) -> None:
    directory, _ = measured(tmp_path, keep_chunks=False)
    result = directory.result()
    assert {(len(record.token_us), record.unkept) for record in directory.requests()} == {(2, 38)}
    assert result["mean_itl_ms"] == pytest.approx(result["mean_tpot_ms"], rel=0.01)
    assert sum(n for _, n in list(directory.timeline()[0])[-1].itl_histogram) == 16 * 39
