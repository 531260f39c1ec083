"""A real H200 as `nemotui gpus --json` printed it (driver 580.159.04, idle; UUID and host name replaced)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nemotui.cli import run

H200 = Path(__file__).parent.parent / "fixtures" / "h200-machine.json"


def test_its_plans_count_from_the_memory_that_cuda_sees(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recommend", "--machine", str(H200), "--json"]) == 0
    first, second, *_ = json.loads(capsys.readouterr().out)["recommendations"]
    # 150,754,820,096 − 644,939,776 reserved; what torch reports on that card
    assert first["memory"]["total_bytes_per_gpu"] == 150_109_880_320
    assert (first["variant"], first["tensor_parallel_size"], first["verdict"]) == ("FP8", 1, "tight")
    assert first["memory"]["blocks"] == 334
    assert (second["variant"], second["verdict"]) == ("NVFP4", "experimental")


def test_it_reads_back_as_it_was_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gpus", "--machine", str(H200), "--json"]) == 0
    again, first = json.loads(capsys.readouterr().out), json.loads(H200.read_text())
    again["host"] |= {"engine_version": first["host"]["engine_version"]}
    first["host"] |= {"age_s": None, "disk_age_s": None}  # which nobody said yet when it was printed
    assert again == first


FOUR = Path(__file__).parent.parent / "fixtures" / "h200x4-machine.json"
ONE_BUSY = Path(__file__).parent.parent / "fixtures" / "h200x4-machine-one-busy.json"


def uuids(machine: Path) -> list[str]:
    return [gpu["uuid"] for gpu in json.loads(machine.read_text())["gpus"]]


def groups(machine: Path, capsys: pytest.CaptureFixture[str]) -> dict[int, list[str]]:
    """The GPUs of the best plan with one copy, by its tensor parallel size."""
    run(["recommend", "--machine", str(machine), "--dp", "1", "--json"])
    found: dict[int, list[str]] = {}
    for plan in json.loads(capsys.readouterr().out)["recommendations"]:
        if plan["verdict"] != "no":
            found.setdefault(plan["tensor_parallel_size"], plan["gpus"])
    return found


def test_four_h200_of_one_host_are_joined_by_nvlink_as_nvidia_smi_says() -> None:
    """`nvidia-smi topo -m` has NV18 between all of them, and `-q` a fabric whose state is completed."""
    machine = json.loads(FOUR.read_text())
    assert len(machine["links"]) == 6
    assert {(link["kind"], link["nvlinks"]) for link in machine["links"]} == {("NVLINK", 18)}
    assert {gpu["fabric"] for gpu in machine["gpus"]} == {"up"}


def test_their_groups_are_all_four_and_the_lowest_pair(capsys: pytest.CaptureFixture[str]) -> None:
    found = groups(FOUR, capsys)
    assert found[4] == uuids(FOUR)
    assert found[2] == uuids(FOUR)[:2]


def test_a_group_avoids_the_gpu_that_somebody_else_fills(capsys: pytest.CaptureFixture[str]) -> None:
    """torch held 61 GiB of GPU 1 when this was printed."""
    first, busy, third, fourth = uuids(ONE_BUSY)
    found = groups(ONE_BUSY, capsys)
    assert 4 not in found
    assert found[2] == [first, third]
    assert run(["recommend", "--machine", str(ONE_BUSY), "--tp", "2", "--gpus", "0,1", "--json"]) == 1
    plan = json.loads(capsys.readouterr().out)["recommendations"][0]
    assert plan["reasons"] == ["GPU 1: 78.7 GiB are free, 128.6 GiB are needed"]
    assert "if GPU 1 were free: python3 pid 920 holds 61.1 GiB" in plan["would_fit_if"]
    assert run(["gpus", "--machine", str(ONE_BUSY)]) == 0
    assert "GPU 1" in capsys.readouterr().out
    assert {busy, fourth}.isdisjoint(found[2])
