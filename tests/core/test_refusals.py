"""What is said to help helps: each hint, done as it says, gives a row that is not "no"."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemotui.core.hardware import Gpu, Machine
from nemotui.core.memory import GIB
from nemotui.core.recommend import PlanRequest, Recommendation, recommend
from nemotui.core.whatif import imagine
from tests.core.machines import CATALOG, machine

_FLAGS: dict[str, tuple[str, type]] = {
    "--context": ("context", int),
    "--max-num-seqs": ("max_num_seqs", int),
    "--mtp": ("mtp", int),
    "--gpu-memory-utilization": ("gpu_memory_utilization", float),
    "--kv-cache-dtype": ("kv_cache_dtype", str),
    "--tp": ("tensor_parallel_size", int),
}


def does_not_refuse(box: Machine, request: PlanRequest, row: Recommendation) -> None:
    """Every way that the row offers, gone through `recommend` itself."""
    assert row.would_fit_if is not None
    *before, last = row.would_fit_if.removeprefix("fits ").split(", and ")
    for way in last.split(" or "):
        there, asked = box, replace(request, variant=row.variant, tensor_parallel_size=row.tensor_parallel_size)
        for step in (*before, way):
            there, asked = do(step, there, asked, row.gpus)
        found = recommend(there, CATALOG, asked)
        assert any(each.verdict != "no" for each in found), (row.would_fit_if, found[0].reasons)


def do(step: str, box: Machine, request: PlanRequest, gpus: tuple[str, ...]) -> tuple[Machine, PlanRequest]:
    if step == "without --as-published":
        return box, replace(request, as_published=False)
    if step == "with a newer image":
        return box, replace(request, image=None)
    if found := re.match(r"with (--[a-z-]+) (\S+)", step):
        name, read = _FLAGS[found[1]]
        changes: dict[str, Any] = {name: read(found[2])}
        return box, replace(request, **changes)
    if found := re.match(r"needs (\d+) of this GPU", step):
        of = CATALOG.chip(box.gpus[0].name)
        assert of is not None
        return imagine(of, int(found[1])), replace(request, tensor_parallel_size=None)
    named = re.match(r"if ((?:GPU \d+(?: and )?)+) (?:were free|could be used)", step)
    assert named, step
    indices = {int(index) for index in re.findall(r"\d+", named[1])}
    return replace(box, gpus=tuple(idle(gpu) if gpu.index in indices else gpu for gpu in box.gpus)), request


def idle(gpu: Gpu) -> Gpu:
    of = CATALOG.chip(gpu.name)
    assert of is not None
    return replace(imagine(of, 1).gpus[0], index=gpu.index, uuid=gpu.uuid)


chips = st.sampled_from(["H100 80GB SXM", "H200", "B200", "A100 80GB SXM", "A100 40GB SXM", "L40S", "GB10"])
asked = st.builds(
    PlanRequest,
    context=st.one_of(st.none(), st.integers(1, 1_048_576)),
    max_num_seqs=st.one_of(st.none(), st.integers(1, 4096)),
    mtp=st.one_of(st.none(), st.integers(0, 7)),
    kv_cache_dtype=st.sampled_from([None, "fp8", "bfloat16"]),
    gpu_memory_utilization=st.one_of(st.none(), st.floats(0.1, 1)),
    data_parallel_size=st.sampled_from([None, None, 1, 2]),
    image=st.sampled_from([None, "vllm/vllm-openai:v0.24.0"]),
) | st.just(PlanRequest(as_published=True))


@given(
    chips,
    st.integers(2, 8),
    st.dictionaries(st.integers(0, 7), st.integers(0, 40 * GIB), max_size=4),
    st.sets(st.integers(0, 7), max_size=2),
    asked,
)
@settings(deadline=None, max_examples=25)
def test_what_is_said_to_help_helps(
    name: str, count: int, held: dict[int, int], lost: set[int], request_: PlanRequest
) -> None:
    box = machine(*(name,) * count, held=held, lost=tuple(lost))
    for row in recommend(box, CATALOG, request_):
        if row.would_fit_if is not None:
            assert row.verdict == "no"
            does_not_refuse(box, request_, row)


def test_two_troubles_of_the_room_are_both_lifted() -> None:
    """A shorter context alone would leave too many sequences."""
    box, request = machine(*("A100 40GB SXM",) * 8), PlanRequest(variant="BF16", context=1_048_576, max_num_seqs=1024)
    row = next(r for r in recommend(box, CATALOG, request) if r.tensor_parallel_size == 8)
    assert row.would_fit_if == "fits with --context 131072, and with --max-num-seqs 256"


def test_a_share_below_what_can_be_asked_for_is_not_offered() -> None:
    row = recommend(machine("B200", held={0: 170 * GIB}), CATALOG, PlanRequest(variant="NVFP4"))[0]
    assert row.would_fit_if == "fits if GPU 0 were free: python pid 4242 holds 170.0 GiB"


def test_a_lost_gpu_is_the_reason_where_all_are_lost() -> None:
    row = recommend(machine("H200", lost=(0,)), CATALOG, PlanRequest(variant="FP8"))[0]
    assert row.reasons == ("GPU 0: its state is lost: fallen off the bus",)
    assert row.would_fit_if == "fits if GPU 0 could be used"


@pytest.mark.parametrize("name", ["H100 80GB SXM", "H200"])
def test_slices_are_named_also_where_more_gpus_are_needed(name: str) -> None:
    whole = machine(name)
    cut = replace(whole, gpus=(replace(whole.gpus[0], mig_enabled=True),))
    row = recommend(cut, CATALOG, PlanRequest(variant="FP8"))[0]
    assert "GPU 0: MIG is on: it is cut into slices, which cannot share a model" in row.reasons


def test_a_hidden_gpu_is_named() -> None:
    two = machine("H100 80GB SXM", "H100 80GB SXM")
    hidden = replace(two, gpus=(two.gpus[0], replace(two.gpus[1], visible=False)))
    row = recommend(hidden, CATALOG, PlanRequest(variant="FP8", tensor_parallel_size=2))[0]
    assert row.reasons == ("GPU 1: CUDA_VISIBLE_DEVICES hides it",)
    assert row.would_fit_if == "fits if GPU 1 could be used"
