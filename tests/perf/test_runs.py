"""Stored runs: how long a list of very many takes, and what a comparison says of runs over real HTTP with jitter."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from nemotui.adapters.runs import RunsFolder
from nemotui.ui.runs import PAGE
from tests.ui.conftest import free_port

pytestmark = pytest.mark.perf

RUNS = 10_000
RECORDED = Path(__file__).parents[1] / "fixtures/run-2xh100"
REPETITIONS = 20
JITTER = "0.05"


def test_ten_thousand_runs_are_listed(tmp_path: Path) -> None:
    files = {name: (RECORDED / name).read_bytes() for name in ("spec.json", "result.json", "state.json")}
    for number in range(RUNS):
        run = tmp_path / f"20261101T{number // 3600:02}{number // 60 % 60:02}{number % 60:02}Z-run"
        run.mkdir()
        for name, data in files.items():
            (run / name).write_bytes(data)
    folder = RunsFolder(tmp_path)
    took = {}
    for words, limit, containing in (
        ("the verb", 50, ""),
        ("the console", PAGE, ""),
        ("with a filter", PAGE, "nano"),
    ):
        began, worked = time.perf_counter(), time.process_time()
        found, left = asyncio.run(folder.listed(limit, containing))
        took[words] = time.perf_counter() - began, time.process_time() - worked
        assert len(found) + left == (0 if containing else RUNS)
    print(
        f"\n{RUNS:,} runs: "
        + ", ".join(f"{words} {wall:.2f} s ({cpu:.2f} s of CPU)" for words, (wall, cpu) in took.items())
    )
    assert all(cpu < 1 for _, cpu in took.values())  # on a machine that is busy the wall's clock tells of the others


def nemotui(state: Path, *arguments: str) -> dict[str, object]:
    argv = [sys.executable, "-m", "nemotui", *arguments, "--json"]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, env={**os.environ, "NEMOTUI_STATE_DIR": str(state)}
    )
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1] if arguments[0] == "bench" else done.stdout)
    return told


def test_runs_of_one_server_with_jitter_are_within_noise_and_a_slower_one_is_found(tmp_path: Path) -> None:
    """The default shape, through real HTTP; the second server's steps take 5 % longer."""
    names: dict[str, list[str]] = {}
    for speed, repetitions in (("1.05", REPETITIONS + 1), ("1", 3)):
        port = free_port()
        argv = [sys.executable, "-m", "nemotui", "simulate", "--port", str(port), "--jitter", JITTER, "--speed", speed]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            while not re.search(r"serves|ready", server.stdout.readline()):
                pass
            names[speed] = []
            for number in range(repetitions):
                told = nemotui(
                    tmp_path, "bench", "--base-url", f"http://127.0.0.1:{port}", "--label", f"{speed}-{number}"
                )
                names[speed].append(Path(str(told["run"])).name)
            server.terminate()
    ours, slower = names.values()

    def sentence(a: str, b: str) -> str:
        compared = nemotui(tmp_path, "compare", a, b)["comparisons"]
        assert isinstance(compared, list)
        return str(compared[0]["sentence"])

    within = sum("is within noise" in sentence(a, b) for a, b in pairwise(ours))
    found = ["(worse)" in sentence(ours[0], one) for one in slower]
    print(f"\nwithin noise: {within} of {REPETITIONS}; 5 % slower found: {sum(found)} of {len(found)}")
    assert within >= REPETITIONS - 1
    assert all(found)
