"""The plan for two H100, figure by figure; and the plan for no GPU at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.errors import UsageError
from nemotui.core.memory import GIB
from nemotui.core.plan import container_spec
from nemotui.core.plan_json import recommendation_json
from nemotui.core.recommend import PlanRequest, plan_without_gpu
from tests.core.machines import CATALOG, machine
from tests.core.plans import H100, rows


class TestTwoH100:
    best = rows(machine(H100, H100))[0]

    def test_the_plan(self) -> None:
        plan = self.best.plan
        assert plan is not None
        assert plan.gpus == ("GPU-0000", "GPU-1000")
        assert plan.max_model_len == 262_144
        assert plan.max_num_seqs == 256
        assert plan.kv_cache_dtype == "fp8"
        assert plan.gpu_memory_utilization == 0.92

    def test_the_reasons_have_numbers(self) -> None:
        assert self.best.reasons == (
            "2 × NVIDIA H100 80GB HBM3, compute capability 9.0, 79.6 GiB each",
            "the fullest has 79.1 GiB free, 72.8 GiB are needed",
            "NVLink connects every pair",
            "of each GPU weights take 57.0 GiB, vLLM about 6.0 GiB, and requests 9.8 GiB of 72.8 GiB: 618 blocks",
            "published: 1,116 output tokens/s (2×H100 FP8)",
        )

    def test_its_json(self) -> None:
        document = recommendation_json(self.best)
        assert document["memory"] == {
            "total_bytes_per_gpu": 84_979_744_768,
            "budget_bytes_per_gpu": 78_181_365_186,
            "weights_bytes_per_gpu": 61_200_000_000,
            "kv_cache_bytes_per_gpu": 78_181_365_186 - 61_200_000_000 - 6 * GIB,
            "blocks": 618,
            "block_tokens": 8320,
            "block_bytes": 8320 * 256 * 8,
            "state_bytes_per_sequence": 40 * (5120 * 3 * 2 + 64 * 64 * 128 * 4),
            "overhead_bytes_per_gpu": 6 * GIB,
        }
        # n(L) = ⌈L/8320⌉ + 10 blocks a request: 11, 12, 14 and 42 of 618.
        assert document["live_requests"] == [
            {"tokens": 1024, "requests": 56.2},
            {"tokens": 9216, "requests": 51.5},
            {"tokens": 32_768, "requests": 44.1},
            {"tokens": 262_144, "requests": 14.7},
        ]
        assert document["predicted"]["source"] == "published"
        assert document["predicted"]["output_throughput"] == pytest.approx((1116 / 1.1, 1116 * 1.1))
        assert document["command"][:3] == ["docker", "run", "-d"]
        assert set(document) >= {
            *("variant", "model", "tensor_parallel_size", "gpus", "verdict", "published", "reasons", "would_fit_if"),
            *("memory", "max_num_seqs", "max_model_len", "predicted", "command"),
        }


class TestWithoutGpu:
    request = PlanRequest(
        no_gpu=True,
        image="vllm/vllm-openai:cpu-test",
        model_path="/models/tiny-nemotron-h-chat",
        context=4096,
        extra_args=("--enforce-eager",),
    )

    def test_the_plan(self) -> None:
        plan = plan_without_gpu(self.request, CATALOG)
        assert plan.gpus == ()
        assert plan.model == "/models/tiny-nemotron-h-chat"
        assert plan.served_model_name == "nemotron-super"
        assert plan.max_model_len == 4096
        assert plan.kv_cache_dtype is None
        assert plan.model_mount is None

    def test_prefix_caching_is_off_where_it_was_asked_to_be(self) -> None:
        assert plan_without_gpu(self.request, CATALOG).prefix_caching
        assert not plan_without_gpu(replace(self.request, prefix_caching=False), CATALOG).prefix_caching

    def test_what_is_compiled_is_kept_as_with_a_gpu(self) -> None:
        plan = plan_without_gpu(replace(self.request, vllm_cache="/var/cache/vllm"), CATALOG)
        volumes = container_spec(plan).volumes
        assert ("/var/cache/vllm", "/root/.cache/vllm") in [(volume.source, volume.target) for volume in volumes]

    def test_it_needs_an_image_and_a_model(self) -> None:
        with pytest.raises(UsageError, match="--image REF --model-path"):
            plan_without_gpu(replace(self.request, model_path=None), CATALOG)
