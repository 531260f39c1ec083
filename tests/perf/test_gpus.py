"""What it costs to leave the GPUs pane open beside a server: CPU against nvitop, and bytes written to the terminal.

Both watch eight GPUs of the same compiled fake driver in the same run, on a pty of 120×40. Nothing timed is asserted:
the ratio is printed. nvitop is this project's extra `perf`; without it there is nothing to compare, and this fails.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.perf.on_pty import Pty, cpu_s
from tests.real.nvml_library import build, environment

pytestmark = pytest.mark.perf

_SETTLE_S = 8.0
_MEASURE_S = 30.0
_REST = "gpus 8\n"


@pytest.fixture
def eight_processes() -> Iterator[list[int]]:
    """Processes that the driver can say to use the GPUs."""
    with contextlib.ExitStack() as stack:
        sleepers = [stack.enter_context(subprocess.Popen(["sleep", "600"])) for _ in range(8)]
        yield [sleeper.pid for sleeper in sleepers]
        for sleeper in sleepers:
            sleeper.kill()


def watched(argv: list[str], variables: dict[str, str]) -> tuple[float, float]:
    """CPU in percent of one core, and KiB a second written, once the program has settled."""
    program = Pty(argv, variables)
    try:
        program.until(b"140.4")  # GiB, which both write
        program.drain(_SETTLE_S)
        before = cpu_s(program.pid)
        written = program.drain(_MEASURE_S)
        used = cpu_s(program.pid) - before
    finally:
        program.kill()
    return 100 * used / _MEASURE_S, written / _MEASURE_S / 1024


def test_cpu_and_bytes_beside_eight_gpus(tmp_path: Path, eight_processes: list[int]) -> None:
    scene = tmp_path / "scene"
    variables = environment(build(tmp_path), scene)
    programs = {"nemotui": [sys.executable, "-m", "nemotui"], "nvitop": [sys.executable, "-m", "nvitop"]}
    assert importlib.util.find_spec("nvitop"), "nvitop is not installed: `make perf` does it"
    busy = _REST + "busy\n" + "".join(f"process {i} {pid}\n" for i, pid in enumerate(eight_processes))
    print()
    for name, words in (("at rest", _REST), ("eight processes", busy)):
        scene.write_text(words)
        used = {}
        for program, argv in programs.items():
            used[program], written = watched(argv, variables)
            print(
                f"{name:<16} {program:<8} CPU {used[program]:5.2f} % of a core   {written:6.2f} KiB/s to the terminal"
            )
        print(f"{name:<16} nemotui takes {used['nemotui'] / used['nvitop']:.2f} of nvitop's CPU")
