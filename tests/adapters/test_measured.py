"""What was measured here survives the session, and a broken file costs nothing but the knowledge."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from nemotui.adapters.measured import StartsFile, stored_benchmarks
from nemotui.core.bench import BenchSpec
from nemotui.core.errors import FailedError
from nemotui.core.measured import MeasuredStart, Setup
from nemotui.core.plan import LABEL
from nemotui.core.ports import Container
from nemotui.rundir import RunDirectory
from tests.core.machines import machine

SETUP = Setup(machine=("GPU-0",), gpu="NVIDIA H200", image="vllm", variant="FP8", tensor_parallel_size=1)
START = MeasuredStart(
    setup=SETUP,
    at=1000.0,
    gpu_memory_utilization=0.92,
    kv_cache_bytes=10 * 2**30,
    blocks=331,
    phases_s={"boot": 16.0},
    compiled=True,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "starts.json"


def test_nothing_is_known_at_first(file: Path) -> None:
    assert StartsFile(file).all() == ()


def test_a_start_is_kept_newest_first_and_one_of_each_setup(file: Path) -> None:
    starts = StartsFile(file)
    other = replace(START, setup=replace(SETUP, variant="NVFP4"))
    again = replace(START, at=2000.0, blocks=330)
    for start in (START, other, again):
        starts.add(start)
    assert StartsFile(file).all() == (again, other)
    assert [path.name for path in file.parent.iterdir()] == ["starts.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"[" * 100_000, b"\xff\x00", b'[{"at": 1}]'])
def test_a_broken_file_is_as_good_as_none_and_is_mended_by_the_next_start(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert StartsFile(file).all() == ()
    StartsFile(file).add(START)
    assert StartsFile(file).all() == (START,)


def test_no_more_are_kept_than_anybody_will_read(file: Path) -> None:
    starts = StartsFile(file)
    for number in range(105):
        starts.add(replace(START, setup=replace(SETUP, image=f"vllm:{number}")))
    assert len(starts.all()) == 100
    assert starts.all()[0].setup.image == "vllm:104"


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(FailedError, match="cannot be written"):
        StartsFile(tmp_path / "state" / "starts.json").add(START)


def run(folder: Path, now: float, *, pretend: bool = False, **result: float) -> None:
    labels = {LABEL: "nemotui", f"{LABEL}.variant": "FP8", f"{LABEL}.tensor-parallel-size": "2"}
    container = Container(id="0a", name="nemotui", image="vllm", state="running", labels=labels)
    environment = {
        "pretend": pretend,
        "machine": asdict(machine("H100 80GB SXM", "H100 80GB SXM")),
        "container": {**asdict(container), "labels": labels},
    }
    spec = BenchSpec(
        base_url="http://127.0.0.1:8000", input_len=8192, output_len=1024, num_prompts=64, max_concurrency=32
    )
    directory = RunDirectory.create(folder, spec, environment, now=now)
    figures = {"completed": 64, "failed": 0, "output_throughput": 1000, "mean_ttft_ms": 4000, "mean_itl_ms": 25}
    directory.write_result({**figures, **result})


def test_benchmarks_are_read_from_their_runs_newest_first(tmp_path: Path) -> None:
    run(tmp_path, 1000.0, output_throughput=900)
    run(tmp_path, 5000.0)
    run(tmp_path, 9000.0, failed=1)
    (tmp_path / "strange").mkdir()
    found = stored_benchmarks(tmp_path)
    assert [bench.output_throughput for bench in found] == [1000, 900]
    assert found[0].setup.gpu == "NVIDIA H100 80GB HBM3"


def test_a_pretend_machine_and_a_real_one_learn_nothing_of_each_other(tmp_path: Path) -> None:
    """Both may have been told the same --output."""
    run(tmp_path, 1000.0, output_throughput=900)
    run(tmp_path, 5000.0, pretend=True, output_throughput=2000)
    assert [bench.output_throughput for bench in stored_benchmarks(tmp_path)] == [900]
    assert [bench.output_throughput for bench in stored_benchmarks(tmp_path, pretend=True)] == [2000]


def test_no_folder_means_no_benchmarks(tmp_path: Path) -> None:
    assert stored_benchmarks(tmp_path / "absent") == ()
