"""`nemotui gpus`: all that the driver says, once or again and again."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import INTERRUPTIBLE, Run


def test_what_is_wrong_and_who_holds_what_is_in_words(nemotui: Run) -> None:
    text = nemotui("gpus", "--demo", "4xa100-troubled").out
    for words in (
        "GPU 0: Xid 63: a faulty memory row is remapped at the next reset",
        "GPU 0: 3 memory errors that ECC could not correct",
        "GPU 1: clock 690 MHz, held back by: hardware slowdown, hardware thermal slowdown",
        "GPU 2: its NVLink fabric is not up yet",
        "GPU 3: 30.0 GiB held by another namespace",
        "GPU 0: GPU-2c62f28a, 0.8 GiB reserved by the driver",
        "TP 2: GPUs 1,2: the worst link between two of them is SYS, across CPU sockets",
        "no TP: GPU 0: drain it: 3 memory errors that ECC could not correct",
    ):
        assert words in text


def test_mig_slices_are_told(nemotui: Run) -> None:
    ran = nemotui("gpus", "--demo", "1xh100-mig", "--json")
    (gpu,) = ran.document["gpus"]
    assert gpu["mig_enabled"] is True
    assert [part["memory_free_bytes"] for part in gpu["slices"]] == [42_278_584_320, 7_247_757_312]
    assert "slice MIG-66666666" in nemotui("gpus", "--demo", "1xh100-mig").out


@pytest.mark.parametrize("profile", ["4xa100-troubled", "1xh100-mig", "lost"])
def test_the_document_of_a_troubled_machine_is_a_machine_file(nemotui: Run, tmp_path: Path, profile: str) -> None:
    document = nemotui("gpus", "--demo", profile, "--json").document
    (tmp_path / "box.json").write_text(json.dumps(document))
    again = nemotui("gpus", "--machine", "box.json", "--json").document
    assert again["gpus"] == document["gpus"]


def test_watching_prints_a_machine_a_line_until_ctrl_c(environment: Mapping[str, str], tmp_path: Path) -> None:
    argv = [*INTERRUPTIBLE, "gpus", "--demo", "2xh100", "--watch", "0.5", "--json"]
    with subprocess.Popen(argv, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for _ in range(2):
            event = json.loads(program.stdout.readline())
            assert (event["event"], len(event["gpus"]), event["error"]) == ("machine", 2, None)
        program.send_signal(signal.SIGINT)
        result = [json.loads(line) for line in program.stdout][-1]
    assert (result["event"], result["error"]["kind"], program.returncode) == ("result", "interrupted", 130)


def test_watching_in_text_reprints_the_table(environment: Mapping[str, str], tmp_path: Path) -> None:
    argv = [*INTERRUPTIBLE, "gpus", "--demo", "2xh100", "--watch", "0.5"]
    with subprocess.Popen(argv, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        titles = 0
        for line in program.stdout:
            assert "\x1b" not in line, "only a terminal is cleared"
            titles += line.startswith("#  NAME")
            if titles == 2:
                break
        program.send_signal(signal.SIGINT)
        program.stdout.read()
    assert program.returncode == 130


def test_watching_without_a_driver_says_so_and_goes_on(environment: Mapping[str, str], tmp_path: Path) -> None:
    argv = [*INTERRUPTIBLE, "gpus", "--demo", "none", "--watch", "1", "--json"]
    with subprocess.Popen(argv, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        event = json.loads(program.stdout.readline())
        assert (event["event"], event["error"]["kind"], event["gpus"]) == ("machine", "no_driver", [])
        program.send_signal(signal.SIGINT)
        program.stdout.read()
    assert program.returncode == 130


def test_an_interval_that_would_ask_the_driver_without_rest_is_refused(nemotui: Run) -> None:
    assert nemotui("gpus", "--demo", "--watch", "0").code == 2
