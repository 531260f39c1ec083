"""Which published row a stored run may be held against: that of the same hardware and plan, else none."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.published import beside_published
from nemotui.catalog import load_catalog
from nemotui.core.bench import BenchSpec
from nemotui.core.hardware import Machine
from nemotui.core.ports import Container
from nemotui.rundir import RunDirectory
from nemotui.sim.machines import load_machine

MACHINE = load_machine("2xb200")
CONTAINER = Container(
    id="c0",
    name="nemotui",
    image="vllm/vllm-openai:v0.33.0",
    state="running",
    port=8000,
    labels={"nemotui": "nemotui", "nemotui.variant": "NVFP4", "nemotui.tensor-parallel-size": "2"},
    args=("nvidia/model", "--tensor-parallel-size", "2"),
)
# The published row of 2×B200 NVFP4 is 2,056.9 output tokens/s; these are its shape and 1.1 times that.
ROW = next(row for row in load_catalog().published if row.name == "2×B200 NVFP4")
RESULT = {
    **{"input_len": 8192, "output_len": 1024, "num_prompts": 512, "max_concurrency": 32, "request_rate": "inf"},
    **{"time_scaled": False, "complete": True, "failed": 0},
    "as_vllm": {"output_throughput": 1.1 * ROW.output_throughput, "mean_itl_ms": 0.5 * ROW.mean_itl_ms},
}


def published(folder: Path, environment: dict[str, Any], **result: Any) -> Any:
    """`published` of a run that was stored with this environment."""
    run = RunDirectory.create(folder, BenchSpec(base_url="http://127.0.0.1:8000"), environment, now=0)
    found = beside_published({**RESULT, **result, "run": str(run.path)}, load_catalog())
    return found["published"]


def stored(machine: Machine | None = MACHINE, container: Container | None = CONTAINER) -> dict[str, Any]:
    return {"machine": machine and asdict(machine), "container": container and asdict(container)}


def test_the_same_hardware_variant_and_size_is_compared(tmp_path: Path) -> None:
    found = published(tmp_path, stored())
    assert (found["row"], found["comparable"]) == ("2×B200 NVFP4", True)
    assert found["output_throughput_ratio"] == pytest.approx(1.1)
    assert found["mean_itl_ms_ratio"] == pytest.approx(0.5)
    assert found["mean_ttft_ms_ratio"] is None


def test_scaled_time_is_never_compared(tmp_path: Path) -> None:
    found = published(tmp_path, stored(), time_scaled=True)
    assert (found["row"], found["comparable"], found["output_throughput_ratio"]) == ("2×B200 NVFP4", False, None)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"machine": 3, "container": [None]},
        stored(container=None),  # a server that is not ours
        stored(machine=None),
        stored(machine=load_machine("none")),
        stored(machine=load_machine("mixed")),  # which of the GPUs it has is not known
        stored(machine=load_machine("4xa100")),  # nobody published these
        stored(container=replace(CONTAINER, labels={})),
        stored(container=replace(CONTAINER, labels={**CONTAINER.labels, "nemotui.variant": "BF16"})),
        stored(container=replace(CONTAINER, labels={**CONTAINER.labels, "nemotui.tensor-parallel-size": "many"})),
        stored(container=replace(CONTAINER, args=(*CONTAINER.args, "--data-parallel-size", "2"))),
        stored(container=replace(CONTAINER, args=(*CONTAINER.args, "--speculative-config", "{}"))),
    ],
)
def test_anything_else_or_unknown_has_no_row(tmp_path: Path, environment: dict[str, Any]) -> None:
    assert published(tmp_path, environment) is None


def test_a_directory_without_an_environment_has_no_row(tmp_path: Path) -> None:
    assert beside_published({**RESULT, "run": str(tmp_path)}, load_catalog())["published"] is None
