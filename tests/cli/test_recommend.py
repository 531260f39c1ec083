"""`nemotui recommend`: every pretend machine against the capacity of real boards, and hardware that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nemotui.catalog as nemotui_catalog
from nemotui.core.serve_args import value_of
from tests.cli.conftest import Run

# What each machine must say of a variant and TP: the verdict by its rules, and the pool's blocks by the memory model
# (block = 32.5 MiB at TP 1, 16.25 at TP 2, 8.125 at TP 4, with an FP8 KV cache and a float32 state), worked out by hand
# from the boards' memory: 178.4 GiB for a B200, 139.8 H200, 79.2 H100 and A100-80, 39.4 A100-40, 95.0 RTX PRO 6000.
EXPECTED = [
    ("1xb200", "NVFP4", 1, "fits", 2855),
    ("1xb200", "FP8", 1, "fits", 1453),
    ("1xb200", "BF16", 1, "no", 0),
    ("2xb200", "NVFP4", 2, "fits", 7774),
    ("2xb200", "FP8", 2, "fits", 6371),
    ("2xh100", "FP8", 2, "fits", 620),
    ("2xh100", "NVFP4", 2, "experimental", 2023),
    ("2xh100", "NVFP4", 1, "no", 0),
    ("4xa100", "BF16", 4, "fits", 1345),
    ("8xh200", "FP8", 2, "fits", 4133),
    ("8xh200", "FP8", 1, "tight", 334),
    ("8xh200", "NVFP4", 1, "experimental", 1736),
    ("1xh200", "FP8", 1, "tight", 334),
    ("1xh200", "NVFP4", 1, "experimental", 1736),
    ("1xh100", "NVFP4", 1, "no", 0),
    ("1xh100", "FP8", 1, "no", 0),
    ("1xh100", "BF16", 1, "no", 0),
    ("4xa100-40", "NVFP4", 4, "experimental", 1622),
    ("8xa100-40", "BF16", 8, "tight", 542),
    ("1xrtxpro6000", "NVFP4", 1, "fits", 437),
    ("gb10", "NVFP4", 1, "fits", 701),
    ("2xh100-busy", "FP8", 2, "no", 620),
    ("mixed", "NVFP4", 1, "fits", 437),  # on its RTX PRO 6000
    ("lost", "FP8", 2, "fits", 620),
    ("lost", "BF16", 4, "no", 1345),
]
FIRST = {
    "1xb200": ("NVFP4", 1, 1),
    "2xb200": ("NVFP4", 2, 1),
    "2xh100": ("FP8", 2, 1),
    "4xa100": ("BF16", 4, 1),
    "8xh200": ("FP8", 8, 1),
    "1xh200": ("FP8", 1, 1),
    "4xa100-40": ("NVFP4", 4, 1),
    "8xa100-40": ("BF16", 8, 1),
    "1xrtxpro6000": ("NVFP4", 1, 1),
    "gb10": ("NVFP4", 1, 1),
    "mixed": ("NVFP4", 1, 1),
    "lost": ("FP8", 2, 1),
}
NOTHING_FITS = ("1xh100", "2xh100-busy")


@pytest.mark.parametrize("profile", sorted({row[0] for row in EXPECTED}))
def test_every_pretend_machine_by_hand(nemotui: Run, profile: str) -> None:
    ran = nemotui("recommend", "--demo", profile, "--json")
    found = ran.document["recommendations"]
    for _, variant, tp, verdict, blocks in (row for row in EXPECTED if row[0] == profile):
        row = one(found, variant, tp)
        assert row["verdict"] == verdict, row["reasons"]
        assert row["memory"]["blocks"] == pytest.approx(blocks, rel=0.01)
    if profile in NOTHING_FITS:
        assert (ran.code, ran.document["error"]["kind"]) == (1, "nothing_fits")
        assert {row["verdict"] for row in found} == {"no"}
    else:
        first = found[0]
        shape = (first["variant"], first["tensor_parallel_size"], first["data_parallel_size"])
        assert (ran.code, shape) == (0, FIRST[profile])


@pytest.mark.parametrize("profile", ["2xb200", "8xh200", "8xa100-40"])
def test_every_command_limits_memory_and_sequences_to_what_the_arithmetic_allows(nemotui: Run, profile: str) -> None:
    for row in nemotui("recommend", "--demo", profile, "--json").document["recommendations"]:
        if row["verdict"] == "no":
            assert row["command"] == row["flags"] == row["differences"] == []
            continue
        command, memory = row["command"], row["memory"]
        assert value_of(command, "--gpu-memory-utilization") == "0.92"
        assert value_of(command, "--max-num-seqs") == str(row["max_num_seqs"])
        assert row["max_num_seqs"] <= 0.8 * memory["blocks"]
        parts = (memory["weights_bytes_per_gpu"], memory["overhead_bytes_per_gpu"], memory["kv_cache_bytes_per_gpu"])
        assert sum(parts) <= memory["budget_bytes_per_gpu"] <= memory["total_bytes_per_gpu"]
        assert memory["blocks"] * memory["block_bytes"] <= memory["kv_cache_bytes_per_gpu"]
        assert [live["tokens"] for live in row["live_requests"]] == [1024, 9216, 32_768, 262_144]
        assert all(flag["why"] and flag["source"] for flag in row["flags"])
        assert len(row["gpus"]) == len(row["gpu_indices"]) == row["tensor_parallel_size"] * row["data_parallel_size"]


def test_the_text_says_which_gpus(nemotui: Run) -> None:
    assert "1. FP8 on GPU 0-7, context 262,144: fits" in nemotui("recommend", "--demo", "8xh200").out


def test_hardware_that_is_not_here(nemotui: Run) -> None:
    ran = nemotui("recommend", "--hardware", "2xB300", "--json")
    assert ran.code == 0
    # (267.9 · 0.92 − 224.8/2 − 6) GiB over blocks of 16.25 MiB
    assert one(ran.document["recommendations"], "BF16", 2)["memory"]["blocks"] == pytest.approx(8071, rel=0.01)


def test_a_goal_changes_the_order(nemotui: Run) -> None:
    """Among the experimental: copies of one GPU give most, copies of two answer at the better pace and hold more."""

    def first_copies(goal: str) -> tuple[str, int, int]:
        rows = nemotui("recommend", "--hardware", "4xB200", "--goal", goal, "--json").document["recommendations"]
        row = next(row for row in rows if row["verdict"] == "experimental")
        return row["variant"], row["tensor_parallel_size"], row["data_parallel_size"]

    assert first_copies("throughput") == ("NVFP4", 1, 4)
    assert first_copies("latency") == first_copies("capacity") == ("NVFP4", 2, 2)


def test_the_model_card_as_text_and_as_json(nemotui: Run) -> None:
    assert "NVIDIA Nemotron Open Model License" in nemotui("recommend", "--card").out
    card = nemotui("recommend", "--card", "--json").document["model_card"]
    assert all(fact["name"] and fact["value"] and fact["source"] for fact in card)


def test_a_dry_run_explains_itself_where_it_is_asked_to(nemotui: Run) -> None:
    plain = nemotui("deploy", "--demo", "2xh100", "--dry-run")
    assert len(plain.out.splitlines()) == 1
    explained = nemotui("deploy", "--demo", "2xh100", "--dry-run", "--explain").out
    assert explained.startswith(plain.out.strip())
    assert "Different from the published guide" in explained
    assert "(not there)  ->  --max-num-seqs 256" in explained
    assert nemotui("deploy", "--demo", "2xh100", "--dry-run", "--json").lines[-1]["flags"]


def test_your_own_catalogue_adds_chips_and_models(nemotui: Run, tmp_path: Path) -> None:
    shipped = (Path(nemotui_catalog.__file__).parent / "model.toml").read_text()
    chip = """
[[chip]]
name = "H900"
names = ["NVIDIA H900"]
compute_capability = "9.0"
memory_total_bytes = 215_000_000_000
cuda_total_bytes = 214_748_364_800
bandwidth_bytes_per_s = 6e12
bf16_flops = 1e15
fp8_flops = 2e15
source = "ours"
"""
    own = tmp_path / "own.toml"
    own.write_text(
        shipped.replace("[model]", "[[model]]").replace("nvidia/NVIDIA-Nemotron-3-Super", "ours/tuned") + chip
    )
    env = {"NEMOTUI_CATALOG": str(own)}
    ran = nemotui("recommend", "--hardware", "h900", "--model-path", "ours/tuned-120B-A12B-FP8", "--json", env=env)
    found = ran.document["recommendations"]
    assert {(row["variant"], row["model"]) for row in found} == {("FP8", "ours/tuned-120B-A12B-FP8")}
    # (200 GiB · 0.92 − 114.0 − 4) GiB over blocks of 32.5 MiB
    assert found[0]["memory"]["blocks"] == pytest.approx(2079, rel=0.01)
    own.write_text(own.read_text().replace("6e12", '"fast"'))
    broken = nemotui("recommend", "--hardware", "h900", env=env)
    assert broken.code == 2
    assert "chip 1 (H900)" in broken.err
    assert "bandwidth_bytes_per_s" in broken.err


def test_a_start_is_set_beside_the_plan_the_next_time(nemotui: Run) -> None:
    """The pretend engine logs and exports its blocks as vLLM does; the whole loop keeps them."""
    assert nemotui("up", "--demo", "2xh100", "--speed", "1000", "--json").code == 0
    measured = nemotui("recommend", "--demo", "2xh100", "--json").document["recommendations"][0]["measured"]
    assert measured["blocks"] == measured["planned_blocks"] == 618
    assert measured["overhead_bytes_per_gpu"] == pytest.approx(measured["planned_overhead_bytes_per_gpu"], rel=0.01)
    assert nemotui("recommend", "--demo", "2xb200", "--json").document["recommendations"][0]["measured"] is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--hardware", "8xH999"), "is no hardware that we know"),
        (("--hardware", "99xH200"), "Use 1 to 8"),
        (("--hardware", "8xH200", "--demo", "2xh100"), "each name a machine"),
        (("--demo", "--gpu-memory-utilization", "nan"), "is not a number"),
        (("--demo", "--gpu-memory-utilization", "2"), "is not in the range"),
        (("--demo", "--kv-cache-dtype", "fp4"), "is not one of"),
        (("--demo", "--goal", "fame"), "is not one of"),
        (("--demo", "--no-gpu"), "nemotui deploy --no-gpu --dry-run"),
    ],
)
def test_a_wrong_flag_is_one_line(nemotui: Run, args: tuple[str, ...], said: str) -> None:
    ran = nemotui("recommend", *args)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def one(found: list[dict[str, Any]], variant: str, tp: int) -> dict[str, Any]:
    """The row of one copy."""
    return next(
        row
        for row in found
        if (row["variant"], row["tensor_parallel_size"], row["data_parallel_size"]) == (variant, tp, 1)
    )
