"""The model of continuous batching on its virtual clock: small cases by hand, then the published benchmark."""

from __future__ import annotations

import pytest

from nemotui.catalog import load_catalog
from nemotui.core.models import PublishedRow
from nemotui.sim.batching import Scheduler, Sequence, Timing
from nemotui.sim.timing import fit, timing_for
from tests.sim.closed_loop import LoopResult, closed_loop

ROWS = load_catalog().published
SIMPLE = Timing(prefill_tokens_per_s=1000, decode_base_s=0.010, decode_per_request_s=0.001)


def measured(row: PublishedRow, concurrency: int = 32, prompts: int = 512) -> LoopResult:
    scheduler = Scheduler(timing=fit(row), max_num_seqs=256)
    return closed_loop(scheduler, prompts=[8192] * prompts, output_tokens=1024, max_concurrency=concurrency)


def run(scheduler: Scheduler) -> list[tuple[float, list[int]]]:
    """Every step until nothing is left: its duration in ms, and how many tokens each of its requests has after it."""
    steps = []
    while step := scheduler.next_step():
        scheduler.complete(step)
        steps.append((round(step.duration_s * 1000, 3), [s.produced for s in step.sequences]))
    return steps


def scheduler(*lengths: tuple[int, int], max_num_seqs: int = 8, max_num_batched_tokens: int = 100) -> Scheduler:
    made = Scheduler(timing=SIMPLE, max_num_seqs=max_num_seqs, max_num_batched_tokens=max_num_batched_tokens)
    for prompt, output in lengths:
        made.add(Sequence(prompt_tokens=prompt, output_tokens=output))
    return made


def test_a_request_gets_its_first_token_from_the_prefill_and_the_others_one_a_decode_step() -> None:
    # 50 tokens at 1000/s are 50 ms; a decode step of one is 10 + 1 ms.
    assert run(scheduler((50, 3))) == [(50, [1]), (11, [2]), (11, [3])]


def test_prompts_are_packed_whole_up_to_the_token_budget_and_all_of_them_before_any_decode() -> None:
    assert run(scheduler((60, 2), (40, 2), (30, 2))) == [(100, [1, 1]), (30, [1]), (13, [2, 2, 2])]


def test_a_prompt_longer_than_the_budget_is_one_long_step() -> None:
    assert run(scheduler((250, 1), (10, 1))) == [(250, [1]), (11, [1])]


def test_a_tiny_prompt_costs_a_whole_pass_through_the_model() -> None:
    assert run(scheduler((1, 1))) == [(11, [1])]


def test_max_num_seqs_makes_the_rest_wait_for_a_free_slot() -> None:
    assert run(scheduler((20, 2), (20, 2), max_num_seqs=1)) == [(20, [1]), (11, [2]), (20, [1]), (11, [2])]


def test_an_aborted_request_frees_its_slot_wherever_it_is() -> None:
    made = scheduler((20, 9), (20, 9), max_num_seqs=1)
    step = made.next_step()
    assert step is not None
    first, second = step.sequences[0], made.waiting[0]
    made.abort(first)
    made.complete(step)
    made.abort(second)
    assert (made.running, list(made.waiting), made.next_step()) == ([], [], None)


def test_the_closed_loop_counts_as_a_client_would() -> None:
    # Two at once, three prompts of 100 tokens, two tokens each: prefill 100, 100, decode of two 12; then the third
    # alone: 100, decode of one 11. TTFT 100, 200, 100; gaps 112, 12, 11; 323 ms in all.
    result = closed_loop(scheduler(), prompts=[100, 100, 100], output_tokens=2, max_concurrency=2)
    assert result.mean_ttft_s == pytest.approx(0.400 / 3)
    assert result.mean_itl_s == pytest.approx(0.135 / 3)
    assert result.output_throughput == pytest.approx(6 / 0.323)
    assert result.total_token_throughput == pytest.approx(306 / 0.323)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_published_benchmark_comes_out_as_published(row: PublishedRow) -> None:
    result = measured(row)
    assert result.mean_ttft_s * 1000 == pytest.approx(row.mean_ttft_ms, rel=0.1)
    assert result.mean_itl_s * 1000 == pytest.approx(row.mean_itl_ms, rel=0.1)
    assert result.output_throughput == pytest.approx(row.output_throughput, rel=0.1)
    assert result.total_token_throughput == pytest.approx(row.total_token_throughput, rel=0.1)


def test_all_five_rows_are_there() -> None:
    assert len(ROWS) == 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_alone_a_request_waits_for_nobody(row: PublishedRow) -> None:
    assert measured(row, concurrency=1, prompts=4).mean_ttft_s * 1000 < row.mean_ttft_ms / 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_more_at_once_is_more_throughput_and_slower_tokens(row: PublishedRow) -> None:
    results = [measured(row, concurrency=c, prompts=2 * c) for c in (1, 2, 4, 8, 16, 32, 64)]
    throughputs, itls = [r.output_throughput for r in results], [r.mean_itl_s for r in results]
    assert throughputs == sorted(set(throughputs))
    assert itls == sorted(set(itls))


def test_a_published_machine_has_its_own_timing_and_another_is_scaled_from_the_most_alike() -> None:
    catalog = load_catalog()
    h100 = next(c for c in catalog.chips if c.name == "H100 80GB SXM")
    h200 = next(c for c in catalog.chips if c.name == "H200")
    row = next(r for r in ROWS if r.chip == h100.name)
    published = fit(row)
    assert timing_for(catalog, h100, "FP8", 2) == published
    # Half the GPUs and the same chip: half the speed. Twice the bits: half the decode speed, the same prefill.
    alone, bf16 = timing_for(catalog, h100, "FP8", 1), timing_for(catalog, h100, "BF16", 2)
    assert alone.decode_s(32) == pytest.approx(2 * published.decode_s(32))
    assert alone.prefill_tokens_per_s == pytest.approx(published.prefill_tokens_per_s / 2)
    assert bf16.decode_s(32) == pytest.approx(2 * published.decode_s(32))
    # No H200 was published; its nearest FP8 row on two GPUs is the B200's, of 8 TB/s a GPU.
    b200 = fit(next(r for r in ROWS if r.chip == "B200" and r.variant == "FP8"))
    assert timing_for(catalog, h200, "FP8", 2).decode_s(32) == pytest.approx(b200.decode_s(32) * 8 / 4.8)
