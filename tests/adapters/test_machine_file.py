"""`--machine FILE`: what `nemotui gpus --json` prints, read back; anything else refused with file and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.machine_file import FileProbe, machine_json, read_machine
from nemotui.core.errors import NothingThereError, Problem, UsageError
from nemotui.core.hardware import Gpu, GpuProcess, Host, Link, Machine

MACHINE = Machine(
    driver_version="580.159.04",
    cuda_version="13.0",
    gpus=(
        Gpu(
            index=0,
            uuid="GPU-a",
            name="NVIDIA H200",
            memory_total_bytes=150_754_820_096,
            memory_reserved_bytes=644_939_776,
            power_w=84.873,
            mig_enabled=False,
            throttle_reasons=("software power cap",),
            processes=(GpuProcess(pid=410, name="python3", memory_bytes=60_918_071_296),),
            unknown={"temperature_c": "Not Supported"},
        ),
        Gpu(index=1, uuid="GPU-b", name="NVIDIA H200", state="lost", state_reason="GPU is lost"),
    ),
    links=(Link(a="GPU-a", b="GPU-b", kind="NVLINK", nvlinks=18),),
    host=Host(hostname="box", cpu_percent=12.5),
)


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "machine.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    assert read_machine(written(tmp_path, machine_json(MACHINE))) == MACHINE


def test_the_document_has_the_fields_that_scripts_rely_on() -> None:
    document = machine_json(MACHINE)
    assert document["error"] is None
    assert {"driver_version", "cuda_version", "gpus", "links", "host", "error"} <= document.keys()
    promised = "index uuid name memory_total_bytes memory_free_bytes memory_used_bytes compute_capability"
    promised += " utilization_percent temperature_c power_w mig_enabled state processes"
    assert set(promised.split()) <= document["gpus"][1].keys()
    assert document["gpus"][1]["memory_free_bytes"] is None
    assert document["links"][0]["kind"] == "NVLINK"
    json.dumps(document)


def test_a_short_file_by_hand_is_enough(tmp_path: Path) -> None:
    document = {"gpus": [{"index": 0, "uuid": "GPU-a", "name": "NVIDIA L4"}], "comment": "fields we do not know"}
    assert read_machine(written(tmp_path, document)) == Machine(gpus=(Gpu(index=0, uuid="GPU-a", name="NVIDIA L4"),))


def test_text_is_made_plain(tmp_path: Path) -> None:
    gpu = {"index": 0, "uuid": "GPU-a", "name": "H200\x1b[2J\x1b]0;owned\x07", "unknown": {"power_w": "\x9b31mno"}}
    read = read_machine(written(tmp_path, {"gpus": [gpu]})).gpus[0]
    assert (read.name, dict(read.unknown)) == ("H200", {"power_w": "no"})


GPU = {"index": 0, "uuid": "GPU-a", "name": "NVIDIA L4"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"gpus": [GPU | {"index": "0"}]}, "gpus[0].index: expected `int`, got `str`"),
        ({"gpus": [{"index": 0, "name": "NVIDIA L4"}]}, "gpus[0]: object missing required field `uuid`"),
        ({"gpus": [GPU | {"state": "fine"}]}, "gpus[0].state: invalid enum value 'fine'"),
        ({"gpus": [GPU | {"memory_free_bytes": -1}]}, "gpus[0].memory_free_bytes: it is negative"),
        (
            {"gpus": [GPU | {"compute_capability": "9"}]},
            "gpus[0].compute_capability: compute capability must look like 9.0",
        ),
        ({"gpus": [GPU, GPU | {"index": 1}]}, "gpus: uuid GPU-a appears twice"),
        ({"gpus": [GPU, GPU | {"uuid": "GPU-b"}]}, "gpus: index 0 appears twice"),
        ({"gpus": [GPU], "links": [{"a": "GPU-a", "b": "GPU-z"}]}, "links[0]: no GPU has the UUID GPU-z"),
        ([], "document: expected `object`, got `array`"),
        ("{", "it is not JSON"),
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        (" " * (8 * 2**20 + 1), "it is longer than 8 MiB"),
    ],
    ids=range(13),
)
def test_anything_else_is_refused_by_file_and_field(tmp_path: Path, document: Any, reason: str) -> None:
    path = written(tmp_path, document)
    with pytest.raises(UsageError) as refused:
        read_machine(path)
    assert refused.value.problem.kind == "machine_file"
    assert refused.value.problem.message.startswith(f"{path} is not a machine file: {reason}")
    assert "nemotui gpus --json" in refused.value.problem.fix


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_bytes(b'{"driver_version": "\xff\xfe"}')
    with pytest.raises(UsageError, match="it is not JSON"):
        read_machine(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it cannot be read: No such file or directory"):
        read_machine(tmp_path / "absent.json")
    with pytest.raises(UsageError, match="it cannot be read: Is a directory"):
        read_machine(tmp_path)


@pytest.mark.anyio
async def test_the_probe_answers_with_the_machine_or_its_recorded_error() -> None:
    probe = FileProbe(MACHINE)
    assert await probe.sample() is MACHINE
    await probe.close()
    broken = Machine(error=Problem("no_driver", "no NVIDIA driver is installed here", "Install it"))
    with pytest.raises(NothingThereError) as raised:
        await FileProbe(broken).sample()
    assert raised.value.problem == broken.error


def test_more_gpus_than_a_box_can_have_are_refused(tmp_path: Path) -> None:
    gpus = [{"index": i, "uuid": f"GPU-{i}", "name": "NVIDIA H200"} for i in range(65)]
    with pytest.raises(UsageError, match="65 are more than the 64"):
        read_machine(written(tmp_path, {"gpus": gpus}))
    assert len(read_machine(written(tmp_path, {"gpus": gpus[:64]})).gpus) == 64
