"""Figures of a benchmark, by hand: one or two requests whose chunk times are known."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from nemotui.core.bench import (
    BenchSpec,
    Failure,
    FailureKind,
    Quantiles,
    RequestRecord,
    check_lengths,
)
from nemotui.core.bench_summary import Live, Summary, summarise
from nemotui.core.errors import Problem, UsageError
from tests.core.bench_record import RECORD, SPEC


def failed(kind: FailureKind) -> RequestRecord:
    """A failed request that had streamed for a while: none of it may count."""
    return dataclasses.replace(RECORD, failure=Failure(kind=kind, message="x"))


def test_our_definitions() -> None:
    result = summarise(SPEC, [RECORD], 2.0)
    assert result["mean_ttft_ms"] == 100
    assert result["mean_ttfa_ms"] == 110
    assert result["mean_e2el_ms"] == 131
    assert (result["mean_itl_ms"], result["median_itl_ms"], result["std_itl_ms"]) == (15, 15, 5)  # gaps 10, 20
    assert result["p99_itl_ms"] == pytest.approx(19.9)
    assert result["mean_tpot_ms"] == 10  # (130 - 100) / (4 - 1), whatever the chunks
    assert result["tokens_per_chunk"] == pytest.approx(4 / 3)
    assert result["measured_from"] == "send"


def test_as_vllm_counts_the_role_chunk_and_every_chunk_with_choices() -> None:
    vllm = summarise(SPEC, [RECORD], 2.0)["as_vllm"]
    assert vllm["mean_ttft_ms"] == 1
    assert vllm["mean_itl_ms"] == pytest.approx((99 + 10 + 20 + 1) / 4)
    assert vllm["mean_e2el_ms"] == 132
    assert vllm["mean_tpot_ms"] == pytest.approx((132 - 1) / 3, abs=0.0005)


def test_throughputs_are_over_the_duration() -> None:
    result = summarise(SPEC, [RECORD, RECORD], 2.0)
    assert (result["completed"], result["total_input_tokens"], result["total_output_tokens"]) == (2, 40, 8)
    assert (result["request_throughput"], result["output_throughput"], result["total_token_throughput"]) == (1, 4, 24)
    assert result["as_vllm"]["output_throughput"] == 4


def test_failures_are_counted_by_kind_and_enter_no_figure() -> None:
    alone = summarise(SPEC, [RECORD], 2.0)
    result = summarise(SPEC, [failed("reset"), RECORD, failed("http_5xx"), failed("reset"), failed("cancelled")], 2.0)
    assert result["errors"] == {"cancelled": 1, "http_5xx": 1, "reset": 2}
    assert (result["completed"], result["failed"], result["cancelled"]) == (1, 3, 1)
    differing = {name for name in alone if alone[name] != result[name]}
    assert differing == {"errors", "error_samples", "failed", "cancelled", "as_vllm"}
    assert result["error_samples"] == {"http_5xx": "x", "reset": "x"}
    assert {**result["as_vllm"], "failed": 0} == alone["as_vllm"]


def test_lengths_that_the_server_did_not_keep_are_said() -> None:
    assert summarise(SPEC, [RECORD], 2.0)["notes"] == []  # 12 tokens more than asked: a template's
    longer = dataclasses.replace(RECORD, prompt_tokens=8 + 65, completion_tokens=7)
    assert summarise(SPEC, [RECORD, longer], 2.0)["notes"] == ["an answer had 5.5 tokens on average instead of 4"]
    assert summarise(SPEC, [longer], 2.0)["notes"][0] == "a prompt had 73 tokens on average instead of 8"
    assert summarise(SPEC, [failed("reset")], 2.0)["notes"] == []


def test_lengths_must_fit_the_servers_context() -> None:
    check_lengths(SPEC, None)
    check_lengths(SPEC, 12)
    with pytest.raises(UsageError, match="8 tokens in and 4 out are more than the server's context of 11"):
        check_lengths(SPEC, 11)


def test_nothing_completed_is_unknown_not_zero() -> None:
    result = summarise(SPEC, [failed("refused")], 1.0)
    named = [name for name in result if name.endswith("_ms") or "throughput" in name or name.startswith("total_")]
    assert len(named) == 4 * 7 + 7 + 2 + 3 + 4
    assert {result[name] for name in named} == {None}
    assert result["clock"]["trusted"] is False


def test_every_field_of_the_contract_is_there() -> None:
    result = summarise(SPEC, [RECORD], 2.0)
    statistics = {
        f"{s}_{q}_ms"
        for s in ("mean", "median", "std", "p50", "p90", "p95", "p99")
        for q in ("ttft", "tpot", "itl", "e2el")
    }
    assert statistics <= set(result)
    assert statistics <= set(result["as_vllm"])


def test_without_usage_counts_are_unknown_and_times_are_not() -> None:
    silent = dataclasses.replace(RECORD, prompt_tokens=None, completion_tokens=None)
    result = summarise(SPEC, [RECORD, silent], 2.0)
    assert (result["total_output_tokens"], result["output_throughput"], result["tokens_per_chunk"]) == (
        None,
        None,
        None,
    )
    assert (result["completed"], result["mean_ttft_ms"], result["mean_tpot_ms"]) == (2, 100, 10)


def test_one_token_has_no_time_per_token() -> None:
    one = dataclasses.replace(RECORD, token_us=(100_000,), completion_tokens=1)
    result = summarise(SPEC, [one], 1.0)
    assert (result["mean_tpot_ms"], result["mean_itl_ms"], result["mean_ttft_ms"]) == (None, None, 100)


def test_an_open_loop_measures_from_the_schedule() -> None:
    result = summarise(dataclasses.replace(SPEC, request_rate=2.0), [RECORD], 2.0)
    assert (result["mean_ttft_ms"], result["mean_ttfa_ms"], result["mean_e2el_ms"]) == (600, 610, 631)  # 500 ms late
    assert (result["mean_itl_ms"], result["measured_from"], result["request_rate"]) == (15, "schedule", 2.0)
    assert result["as_vllm"]["mean_ttft_ms"] == 1  # as that tool does


def test_chunk_times_that_were_not_kept_leave_all_but_itl() -> None:
    whole = dataclasses.replace(RECORD, completion_tokens=3)
    ends = dataclasses.replace(whole, token_us=(whole.token_us[0], whole.token_us[-1]), unkept=1)
    kept, lost = summarise(SPEC, [whole], 1.0), summarise(SPEC, [ends], 1.0)
    assert lost["mean_itl_ms"] is None is lost["as_vllm"]["mean_itl_ms"]
    for name in ("mean_ttft_ms", "mean_tpot_ms", "mean_e2el_ms", "tokens_per_chunk", "total_output_tokens"):
        assert lost[name] == kept[name] is not None


def test_live_points() -> None:
    summary = Summary(SPEC)
    live = Live(summary)
    live.due, live.sent, live.streaming = 3, 2, 1
    live.new_ttft_us += [100]
    live.new_gaps_us += [10, 20, 20]
    live.new_lag_us += [7] * 3
    live.coalesced, live.worker_cpu, live.clock_steps = 1, 0.5, 2
    first = live.point("run", 0.25)
    assert (first.lag_p99_us, first.coalesced_share, first.worker_cpu, first.clock_steps) == (7, 0.25, 0.5, 2)
    assert (first.in_flight, first.waiting, first.done) == (2, 2, 0)
    assert first.output_throughput == 16  # 4 chunks in 0.25 s
    assert (first.ttft, first.itl.p50_ms) == (Quantiles(p50_ms=0.1, p99_ms=0.1), 0.02)
    assert first.itl_histogram == ((0.01, 1), (0.02, 2))
    summary.add(RECORD)
    second = live.point("run", 0.5)
    assert second.output_throughput == pytest.approx(4 * 4 / 3 / 0.5, abs=0.05)  # usage said 4/3 tokens a chunk
    for quarter in (0.75, 1.0, 1.25):
        last = live.point("run", quarter)
    assert (last.output_throughput, last.itl) == (0, Quantiles())  # a second of silence
    assert last.itl_so_far == first.itl
    assert last.itl_histogram == first.itl_histogram


@pytest.mark.parametrize(
    ("wrong", "message", "fix"),
    [
        ({"base_url": "localhost:8000"}, "'localhost:8000' is not the address of a server", "Give http://HOST:PORT."),
        (
            {"base_url": "http://me:secret@host"},
            "the server's address carries a secret",
            "Give the key by NEMOTUI_API_KEY or --api-key-file.",
        ),
        (
            {"base_url": "http://host:99999"},
            "'http://host:99999' is not the address of a server",
            "Give http://HOST:PORT.",
        ),
        ({"base_url": "http://[host"}, "'http://[host' is not the address of a server", "Give http://HOST:PORT."),
        ({"input_len": 0}, "--input-len is 0", "Give 1 or more."),
        ({"max_concurrency": 0}, "--max-concurrency is 0", "Give 1 or more."),
        ({"request_rate": 0.0}, "--request-rate is 0", "Give a number above 0."),
        ({"burstiness": -1.0}, "--burstiness is -1", "Give a number above 0."),
        ({"timeout_s": float("nan")}, "--timeout-s is nan", "Give a number above 0."),
        ({"time_scale": 0.5}, "--time-scale is 0.5", "Give 1 or more."),
        ({"warmup": -1}, "--warmup is -1", "Give 0 or more."),
        ({"workers": 0}, "--workers is 0", "Give 1 to 64."),
        ({"workers": 65}, "--workers is 65", "Give 1 to 64."),
        ({"mode": "medium"}, "--mode is 'medium'", "Give full, low, off."),
    ],
)
def test_wrong_specs_are_refused_in_words(wrong: dict[str, Any], message: str, fix: str) -> None:
    with pytest.raises(UsageError) as refused:
        BenchSpec(**{"base_url": "http://h", **wrong})
    assert refused.value.problem == Problem("usage", message, fix)


def test_the_address_may_carry_v1() -> None:
    assert BenchSpec(base_url="https://host/x/v1/").server == "https://host/x"
