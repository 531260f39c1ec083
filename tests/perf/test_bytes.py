"""What the console writes to a terminal of 120×40: at rest and during a benchmark, on a near and on a slow line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.perf.on_pty import Pty, on_pty
from tests.pretend import pretend_server
from tests.real.nvml_library import build, environment

pytestmark = pytest.mark.perf

_SETTLE_S = 8.0
_MEASURE_S = 30.0
# KiB a second; a slow line gets a fifth.
_AT_REST = 5.0
_MEASURING = 25.0
_SLOW_SHARE = 0.2
LINES = pytest.mark.parametrize("flags", [["--no-slow"], ["--slow"]], ids=["near", "slow"])


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
