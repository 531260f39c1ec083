"""How soon the GPUs are on the screen, and what --version costs, as multiples of Python's and Textual's own start.

Processor time, all of it in alternation in one run, so that a busy machine is as busy for each; medians. Beside them
nvitop, of this project's extra `perf`, which is a monitor without Textual, the demo that comes with Textual, and
Toolong where it is: `tl` on PATH, or the program that TOOLONG names, with a Textual of its own.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.perf.on_pty import Pty, cpu_s
from tests.real.nvml_library import build, environment

pytestmark = pytest.mark.perf

_ROUNDS = 15
_TEXTUAL = [sys.executable, "-c", "import textual.app"]
_PYTHON = [sys.executable, "-c", "pass"]
_VERSION = [sys.executable, "-m", "nemotui", "--version"]


def of_command(argv: list[str]) -> tuple[float, float]:
    """Processor time and wall time of a program, from its start to its end, ms."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used_s * 1e3, wall_s * 1e3


def of_paint(argv: list[str], text: bytes, variables: dict[str, str]) -> tuple[float, float]:
    """The same from a program's start to the first time that it writes this text."""
    program = Pty(argv, variables)
    try:
        wall_s = program.until(text) - program.began
        return cpu_s(program.pid) * 1e3, wall_s * 1e3
    finally:
        program.kill()


def test_first_paint_and_version(tmp_path: Path) -> None:
    scene = tmp_path / "scene"
    scene.write_text("gpus 8\n")
    variables = environment(build(tmp_path), scene)
    measured: dict[str, Callable[[], tuple[float, float]]] = {
        "import textual.app": lambda: of_command(_TEXTUAL),
        "first paint, 8 GPUs": lambda: of_paint([sys.executable, "-m", "nemotui"], b"140.4", variables),
        "first paint, --demo": lambda: of_paint([sys.executable, "-m", "nemotui", "--demo"], b"H100", variables),
        "nvitop, first paint": lambda: of_paint([sys.executable, "-m", "nvitop"], b"140.4", variables),
        "Textual's demo, first paint": lambda: of_paint([sys.executable, "-m", "textual"], b"Textual", variables),
        "python -c pass": lambda: of_command(_PYTHON),
        "nemotui --version": lambda: of_command(_VERSION),
    }
    if toolong := shutil.which(os.environ.get("TOOLONG", "tl")):
        log = tmp_path / "some.log"
        log.write_text("the first line\n")
        measured["Toolong, first paint"] = lambda: of_paint([toolong, str(log)], b"the first line", variables)
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
    for _ in range(_ROUNDS):
        for name, measure in measured.items():
            figures[name].append(measure())
    print()
    cpu = {name: statistics.median(used for used, _ in taken) for name, taken in figures.items()}
    for name, taken in figures.items():
        wall = statistics.median(wall for _, wall in taken)
        against = "python -c pass" if "version" in name else "import textual.app"
        print(f"{name:<27} {cpu[name]:6.0f} ms of CPU, {wall:6.0f} ms; {cpu[name] / cpu[against]:.2f} × `{against}`")
    assert cpu["first paint, 8 GPUs"] <= 1.5 * cpu["import textual.app"]
    assert cpu["first paint, --demo"] <= 1.5 * cpu["import textual.app"]
    assert cpu["nemotui --version"] <= 2 * cpu["python -c pass"]
