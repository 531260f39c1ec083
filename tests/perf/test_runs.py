"""Stored runs: how long a list of very many takes, and what a comparison says of runs over real HTTP with jitter."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.runs import RunsFolder
from nemotui.ui.runs import PAGE
from tests.ports import free_port
from tests.pretend import pretend_server
from tests.recorded import RECORDED

pytestmark = pytest.mark.perf

RUNS = 10_000
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


def nemotui(*arguments: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "nemotui", *arguments, "--json"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1] if arguments[0] == "bench" else done.stdout)
    return told


def measured(runs: Path, port: int, slower: float, repetitions: int) -> list[Path]:
    """So many runs of the default shape, one after the other, at one server; those with a trusted clock count."""
    trusted: list[Path] = []
    tried = 0
    with pretend_server("--jitter", JITTER, "--slower", str(slower), port=port) as url:
        while len(trusted) < repetitions and tried < 2 * repetitions:
            told = nemotui("bench", "--base-url", url, "--output", str(runs))
            trusted += [Path(told["run"])] if told["clock"]["trusted"] else []
            tried += 1
    print(f"{slower:.0%} slower: {len(trusted)} runs; {tried - len(trusted)} more had a clock that is not trusted")
    assert len(trusted) == repetitions, "this machine is too busy: free a core, or put `chrt -r 3` before pytest"
    return trusted


def test_runs_of_one_server_with_jitter_are_within_noise_and_a_slower_one_is_found(tmp_path: Path) -> None:
    """The default shape, through real HTTP, at life's speed.

    Each pair is compared twice: as if nothing else had ever been measured, and among all the runs, which for all that
    anybody can see are repetitions of one setup: one address, one version.
    """
    runs, port = tmp_path / "runs", free_port()
    ours, slower = measured(runs, port, 0.0, REPETITIONS + 1), measured(runs, port, 0.05, REPETITIONS)
    pairs = {"within noise": list(pairwise(ours)), "(worse)": list(zip(ours, slower, strict=False))}
    found: dict[tuple[str, str], int] = {}
    for words, pair_of in pairs.items():
        for number, (a, b) in enumerate(pair_of):
            alone = tmp_path / f"{words}-{number}"
            for run in (a, b):
                shutil.copytree(run, alone / run.name)
            for where, folder in (("alone", alone), ("among the others", a.parent)):
                told = nemotui("compare", str(folder / a.name), str(folder / b.name), "--output", str(folder))[
                    "comparisons"
                ][0]
                found[words, where] = found.get((words, where), 0) + (words in told["sentence"])
                if words not in told["sentence"]:
                    print(f"{where}: {told['sentence']}")
    print("\n" + "\n".join(f"{words}, {where}: {n} of {REPETITIONS}" for (words, where), n in found.items()))
    assert all(n >= REPETITIONS - 1 for n in found.values())
