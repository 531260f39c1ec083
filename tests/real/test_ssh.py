"""The console over a real SSH server whose line is 200 ms long, there and back, and breaks."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.real.parts import require
from tests.real.ssh import Box, box
from tests.real.terminal import Terminal, program, terminal
from tests.real.test_console import IN_THE_FIELD, chat, deploy, measure

pytestmark = pytest.mark.real

# Our pretend server at a real one's pace, in a start that takes a while.
AT_ITS_PACE = """
import os, runpy, sys
os.environ |= {"NEMOTUI_SIM_START_SECONDS": "10", "NEMOTUI_SIM_SPEED": "1"}
sys.argv = ["sim", "serve", *sys.argv[1:]]
runpy.run_module("nemotui.sim", run_name="__main__")
"""


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Box]:
    require("tmux")
    folder = tmp_path / "ssh"
    folder.mkdir()
    with box(folder) as there:
        yield there


@contextmanager
def ended(server: str) -> Iterator[None]:
    """The tmux of this name lives no longer than the test."""
    try:
        yield
    finally:
        subprocess.run(["tmux", "-L", server, "kill-server"], check=False, stderr=subprocess.DEVNULL, timeout=30)


def test_the_journey_in_tmux_over_a_slow_line(far: Box, home: dict[str, str]) -> None:
    arguments = ["--demo", "2xh100", "--speed", "20", "--port", str(free_port())]
    server = f"far-{free_port()}"
    inner = ["env", "LANG=C.UTF-8", "tmux", "-u", "-L", server, "-f", "/dev/null", "new-session"]
    with ended(server), terminal(far.login(*inner, *program(arguments, home)), (100, 30)) as t:
        t.wait_for("NVIDIA H100 80GB HBM3")
        deploy(t)
        t.keys("F4")
        t.wait_for("Application startup complete|GET /v1/models|POST /v1/chat")
        measure(t)
        chat(t)
        t.keys("1")
        t.wait_for(r"7\d\.\d of 79")
        t.keys("q")
        t.wait_for("exit code 0")  # the tmux there ended with the console, and the login with it


def test_a_line_that_breaks_at_each_stage_loses_nothing(
    far: Box, home: dict[str, str], script_image: Callable[[str], str], name: str
) -> None:
    port = free_port()
    plan = ["--no-gpu", "--image", script_image(AT_ITS_PACE), "--model-path", "/models/pretend", "--context", "32768"]
    command = far.console([*plan, "--name", name, "--port", str(port)], home)

    def cut(t: Terminal) -> None:
        far.line.cut()
        t.wait_for("exit code 255")

    with terminal(command) as t:
        t.wait_for("no NVIDIA driver")
        t.keys("F3")
        t.wait_for("VERDICT")
        t.keys("Enter")
        t.wait_for("Preflight")
        t.keys("Enter")
        t.wait_for(r"Starting +0:0[1-9]")
        cut(t)
    with terminal(command) as t:  # the start has gone on, and is followed to its end
        t.wait_for(rf"● nemotron-super (at http://127\.0\.0\.1)?:{port}")
        t.keys("F4")
        t.wait_for("Application startup complete|GET /")
        cut(t)
    with terminal(command) as t:  # the log is there, from its beginning
        t.wait_for("slow line")  # measured: the terminal answers late
        t.wait_for("● nemotron-super")
        t.keys("F4")
        t.wait_for("Application startup complete|GET /")
        t.keys("F5")
        t.wait_for("Enter measures nemotron-super")
        t.keys("p")
        t.wait_for("preset published")
        t.keys("Enter")
        t.wait_for(r"of 512 · \d+ in flight · 0:(0[2-9]|[1-5])")
        cut(t)
    with terminal(command) as t:  # the benchmark has gone on, and is drawn
        t.wait_for("● nemotron-super")
        t.keys("F5")
        t.wait_for(r"of 512 · \d+ in flight · \d:\d\d")
        t.keys("x")
        t.wait_for("the run was stopped")
        t.keys("F6")
        t.wait_for(IN_THE_FIELD)
        t.text("what was said before the line broke?")
        t.keys("Enter")
        t.wait_for(r"thinking[^\n]*\d+ tok|thought for")
        cut(t)
    with terminal(command) as t:  # the question, and as much of the answer as had come
        t.wait_for("● nemotron-super")
        t.keys("F6")
        t.wait_for(IN_THE_FIELD)
        t.text("/open")
        t.keys("Enter")
        t.wait_for("what was said before the line broke")
        t.keys("Enter")
        t.wait_for(r"thought for|thinking|stopped")
