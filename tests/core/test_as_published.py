"""The published command as it is: what it meets on which hardware."""

from __future__ import annotations

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
    assert "--max-num-seqs" not in container_spec(found.plan).args


def test_as_published_asks_ampere_for_what_it_lacks() -> None:
    found = row(machine(*(A100,) * 4), "FP8", 4, PlanRequest(as_published=True))
    assert found.reasons[0] == "this checkpoint asks for an FP8 KV cache, which compute capability 8.0 does not have"


def test_as_published_starts_on_two_b200() -> None:
    found = rows(machine(B200, B200), PlanRequest(as_published=True))[0]
    assert short(found) == "NVFP4 TP2 fits"
