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
