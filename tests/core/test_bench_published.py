"""A result beside the published row of its hardware."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from nemotui.core.bench import published_comparison
from nemotui.core.bench_summary import summarise
from nemotui.core.models import PublishedRow
from tests.core.bench_record import RECORD, SPEC

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
