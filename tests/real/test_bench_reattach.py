"""A benchmark outlives its console: killed in mid-run, in a real terminal, and found again by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemotui.rundir import RunDirectory
from tests.pretend import pretend_server
from tests.real.terminal import Terminal, console

pytestmark = pytest.mark.real


@pytest.fixture
def home(home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Without an engine."""
    return {**home, "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}


@pytest.fixture
def server() -> Iterator[str]:
    with pretend_server() as url:
        yield url


def start_a_long_one(t: Terminal) -> None:
    """The published preset takes eight minutes."""
    t.wait_for(r"● nemotron-super")
    t.keys("4")
    t.wait_for("Enter measures nemotron-super")
    t.keys("p")
    t.wait_for("preset published")
    t.keys("Enter")
    t.wait_for(r"\d+ of 512 · 32 in flight · 0:(0[2-9]|[1-5])")


def test_a_killed_console_loses_nothing(home: dict[str, str], server: str, tmp_path: Path) -> None:
    arguments = ["--base-url", server]
    with console(arguments, home) as t:
        start_a_long_one(t)
        os.kill(t.child(), signal.SIGKILL)  # no chance to tidy up
        t.wait_for("exit code 137")
    (run,) = (tmp_path / "state/nemotui/runs").iterdir()
    directory = RunDirectory(run)
    assert directory.status() == "running"
    before = len(list(directory.timeline()[0]))

    with console(arguments, home, (80, 24)) as t:
        t.keys("4")
        t.wait_for(r"\d+ of 512 · 32 in flight")
        t.wait_for(r"TTFT p50 \d")
        assert len(list(directory.timeline()[0])) > before
        t.keys("q")
        t.wait_for("exit code 0")

    follow = [sys.executable, "-m", "nemotui", "bench", "--attach", "latest", "--json"]
    with subprocess.Popen(follow, stdout=subprocess.PIPE, env={**os.environ, **home}) as follower:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline()) == {"event": "started", "run": str(run)}
        stop = [sys.executable, "-m", "nemotui", "bench", "--stop", "latest"]
        subprocess.run(stop, env={**os.environ, **home}, capture_output=True, timeout=60)
        result = json.loads(follower.stdout.read().splitlines()[-1])
    assert (result["event"], result["interrupted"], result["failed"]) == ("result", True, 0)
    assert result["server_side"]["max_running"] > 0  # it was watched all the time

    with console(arguments, home) as t:
        t.keys("4")
        t.wait_for(r"Not complete, the run was stopped: \d+ of 512 requests are measured")
        t.keys("q")
        t.wait_for("exit code 0")
