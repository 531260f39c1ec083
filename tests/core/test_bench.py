"""Figures of a benchmark, by hand: one or two requests whose chunk times are known."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from nemotui.core.bench import (
    BenchFailed,
    BenchFinished,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    Failure,
    FailureKind,
    Quantiles,
    RequestRecord,
    TimelinePoint,
    check_lengths,
    published_comparison,
    run_bench,
)
from nemotui.core.bench_clock import ClockWatch
from nemotui.core.bench_summary import Live, Summary, summarise
from nemotui.core.errors import NothingThereError, Problem, UsageError
from nemotui.core.histogram import Histogram
from nemotui.core.models import PublishedRow

SPEC = BenchSpec(base_url="http://127.0.0.1:8000", model="m", input_len=8, output_len=4, num_prompts=2)

# Role chunk at 1 ms, three reasoning and content chunks at 100, 110 and 130 ms, the finish in a chunk of its own at
# 131 ms, usage at 132 ms. Two of the four tokens came in the chunk at 130 ms.
RECORD = RequestRecord(
    index=0,
    scheduled_s=1.0,
    sent_s=1.5,
    ttfb_us=1_000,
    ttft_us=100_000,
    ttfa_us=110_000,
    e2el_us=131_000,
    end_us=132_000,
    token_us=(100_000, 110_000, 130_000),
    other_us=(1_000, 131_000),
    prompt_tokens=20,
    completion_tokens=4,
    finish_reason="length",
)


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


def test_a_steady_single_token_stream_is_trusted() -> None:
    steady = dataclasses.replace(RECORD, completion_tokens=3)
    summary = Summary(SPEC)
    summary.add(steady)
    watch = ClockWatch(lag=Histogram([30, 40, 50]), cpu_s=45e-6, busiest=0.1, started_monotonic_ns=5)
    assert summary.result(1.0, watch)["clock"] == {
        "source": "kernel",
        "trusted": True,
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


def test_several_tokens_in_a_chunk_are_said() -> None:
    summary = Summary(SPEC)
    summary.add(RECORD)
    clock = summary.result(1.0, ClockWatch(lag=Histogram([30])))["clock"]
    assert (clock["trusted"], clock["notes"]) == (
        False,
        ["a chunk holds 1.33 tokens on average: ITL is a gap of chunks; TPOT is a token's time"],
    )


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


ROW = PublishedRow(
    name="2xH100 FP8",
    chip="H100",
    count=2,
    variant="FP8",
    tensor_parallel_size=2,
    input_len=8,
    output_len=4,
    num_prompts=2,
    max_concurrency=1,
    output_throughput=8.0,
    total_token_throughput=48.0,
    mean_ttft_ms=2.0,
    mean_itl_ms=65.0,
    source="here",
)
RESULT: Mapping[str, Any] = {
    **summarise(dataclasses.replace(SPEC, max_concurrency=1), [RECORD] * 2, 2.0),
    "complete": True,
}


def test_ratios_against_the_published_row_are_of_the_figures_as_vllm_counts_them() -> None:
    assert published_comparison(RESULT, ROW) == {
        "row": "2xH100 FP8",
        "comparable": True,
        "reason": None,
        "output_throughput": 8.0,
        "total_token_throughput": 48.0,
        "mean_ttft_ms": 2.0,
        "mean_itl_ms": 65.0,
        "output_throughput_ratio": 0.5,
        "total_token_throughput_ratio": 0.5,
        "mean_ttft_ms_ratio": 0.5,
        "mean_itl_ms_ratio": 0.5,
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time_scaled": True}, "the server's time is scaled"),
        ({"complete": False}, "the run is not complete"),
        ({"failed": 3}, "3 requests failed"),
        ({"request_rate": 2.0}, "requests came by rate"),
        ({"max_concurrency": None}, "max_concurrency None instead of 1"),
    ],
)
def test_what_was_not_measured_alike_is_not_compared(change: dict[str, Any], reason: str) -> None:
    comparison = published_comparison({**RESULT, **change}, ROW)
    assert (comparison["comparable"], comparison["reason"], comparison["output_throughput_ratio"]) == (
        False,
        reason,
        None,
    )


class FakeLoad:
    """A runner with two points and a result, or the error given."""

    def __init__(self, *, start: NothingThereError | None = None, end: NothingThereError | None = None) -> None:
        self._start, self._end = start, end

    async def start(self, spec: BenchSpec, environment: Mapping[str, Any]) -> str:
        if self._start:
            raise self._start
        return "/runs/1"

    async def follow(self, run: str) -> AsyncGenerator[TimelinePoint]:
        yield TimelinePoint(phase="warmup", elapsed_s=0)
        yield TimelinePoint(phase="run", elapsed_s=0.25)

    async def result(self, run: str) -> Mapping[str, Any]:
        if self._end:
            raise self._end
        return {"completed": 1}

    risk = None

    async def keep_vllm_bench(self, run: str, figures: Mapping[str, Any]) -> None:
        raise AssertionError("nobody asked")

    async def stop(self, run: str) -> None:
        raise AssertionError("nobody asked")


GONE = NothingThereError("no_server", "no server")


@pytest.mark.anyio
async def test_a_run_is_followed_to_its_result() -> None:
    events = [event async for event in run_bench(FakeLoad(), SPEC, {})]
    assert events == [
        BenchStarted("/runs/1"),
        BenchProgress(TimelinePoint(phase="warmup", elapsed_s=0)),
        BenchProgress(TimelinePoint(phase="run", elapsed_s=0.25)),
        BenchFinished({"completed": 1}),
    ]


@pytest.mark.anyio
async def test_a_run_that_cannot_start_or_has_no_result_fails_with_its_error() -> None:
    assert [event async for event in run_bench(FakeLoad(start=GONE), SPEC, {})] == [BenchFailed(GONE)]
    assert [event async for event in run_bench(FakeLoad(end=GONE), SPEC, {})][-1] == BenchFailed(GONE)
