"""What the console writes to a terminal of 120×40: at rest and during a benchmark, on a near and on a slow line."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.real.nvml_library import build, environment

from .test_console import Pty, on_pty

pytestmark = pytest.mark.perf

_SETTLE_S = 8.0
_MEASURE_S = 30.0
# KiB a second; a slow line gets a fifth.
_AT_REST = 5.0
_MEASURING = 25.0
_SLOW_SHARE = 0.2
LINES = pytest.mark.parametrize("flags", [["--no-slow"], ["--slow"]], ids=["near", "slow"])


@contextmanager
def pretend_server() -> Iterator[str]:
    """A server that answers at a real one's pace; its base URL."""
    port = free_port()
    argv = [sys.executable, "-m", "nemotui", "simulate", "--port", str(port), "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        while b'"ready"' not in server.stdout.readline():
            assert server.poll() is None
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGINT)


def kib_a_second(console: Pty) -> float:
    console.drain(_SETTLE_S)
    return console.drain(_MEASURE_S) / _MEASURE_S / 1024


def share(flags: list[str]) -> float:
    return _SLOW_SHARE if "--slow" in flags else 1.0


@LINES
def test_at_rest_beside_eight_gpus(tmp_path: Path, flags: list[str]) -> None:
    scene = tmp_path / "scene"
    scene.write_text("gpus 8\n")
    with on_pty(flags, tmp_path, environment(build(tmp_path), scene)) as console:
        console.until(b"140.4")
        written = kib_a_second(console)
    print(f"\nat rest, 8 GPUs, {flags[0]}: {written:.2f} KiB/s")
    assert written < _AT_REST * share(flags)


@LINES
def test_during_a_benchmark(tmp_path: Path, flags: list[str]) -> None:
    """The published shape on a pretend server, its charts in front."""
    with pretend_server() as url, on_pty([*flags, "--base-url", url], tmp_path) as console:
        console.until(b"nemotron-super")
        console.key(b"4")
        console.until(b"measures")
        console.key(b"p")
        console.drain(1)
        console.key(b"\r")
        console.until(b"in flight")
        written = kib_a_second(console)
        console.key(b"x")
        console.drain(3)
    print(f"\nduring a benchmark, {flags[0]}: {written:.2f} KiB/s")
    assert written < _MEASURING * share(flags)
