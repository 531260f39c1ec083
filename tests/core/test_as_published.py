"""The published command as it is: what it meets on which hardware."""

from __future__ import annotations

from nemotui.core.guide import differences
from nemotui.core.plan import ALL_GPUS, GPU_IMAGE, container_spec
from nemotui.core.recommend import (
    PlanRequest,
)
from tests.core.machines import machine
from tests.core.plans import A100, B200, H100, row, rows, short


def test_as_published_is_shown_though_it_dies_on_two_h100() -> None:
    found = row(machine(H100, H100), "FP8", 2, PlanRequest(as_published=True))
    assert found.verdict == "no"
    assert found.reasons[0] == "vLLM refuses to start: 1024 sequences at once, and memory for 618 blocks"
    assert any("tool parser" in reason for reason in found.reasons)
    assert found.plan is not None
    assert found.plan.image == GPU_IMAGE
    assert found.plan.gpus == ALL_GPUS
    spec = container_spec(found.plan)
    assert not {"--max-num-seqs", "--gpu-memory-utilization", "--max-model-len"} & set(spec.args)


def test_as_published_differs_from_the_guide_in_nothing_that_the_server_does() -> None:
    """Whatever this host has: a cache of compiled graphs, a key in the environment."""
    request = PlanRequest(as_published=True, hf_cache="/hf", vllm_cache="/vllm")
    plan = row(machine(H100, H100), "FP8", 2, request).plan
    assert plan is not None
    assert differences(plan) == ()
    spec = container_spec(plan)
    assert [volume.source for volume in spec.volumes] == ["/hf"]
    assert spec.secret_environment == ("HF_TOKEN",)


def test_ours_says_which_mounts_and_keys_the_guide_does_not_have() -> None:
    plan = row(machine(H100, H100), "FP8", 2, PlanRequest(hf_cache="/hf", vllm_cache="/vllm")).plan
    assert plan is not None
    alone = {each.flag for each in differences(plan) if each.published is None}
    assert {"-v /root/.cache/vllm", "-e VLLM_API_KEY", "--max-num-seqs", "--gpu-memory-utilization"} <= alone


def test_as_published_asks_ampere_for_what_it_lacks() -> None:
    found = row(machine(*(A100,) * 4), "FP8", 4, PlanRequest(as_published=True))
    assert found.reasons[0] == "this checkpoint asks for an FP8 KV cache, which compute capability 8.0 does not have"


def test_as_published_starts_on_two_b200() -> None:
    found = rows(machine(B200, B200), PlanRequest(as_published=True))[0]
    assert short(found) == "NVFP4 TP2 fits"
