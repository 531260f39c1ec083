"""A long answer on a pty at 160×50: what it costs, whether the event loop is late, whether a reader is disturbed."""

from __future__ import annotations

import fcntl
import json
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.perf.on_pty import Pty
from tests.ports import free_port

pytestmark = pytest.mark.perf

RATE = 150.0  # tokens a second
LATE_MS, MOST_OF_A_CORE = 50.0, 0.5


def test_a_long_answer_in_a_long_conversation(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "seen.json"
    server = [sys.executable, "-m", "tests.perf.chat_server", str(port), str(RATE)]
    with subprocess.Popen(server, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        console = [sys.executable, "-m", "tests.perf.chat_console", f"http://127.0.0.1:{port}", str(out)]
        program = Pty(console, {"NEMOTUI_STATE_DIR": str(tmp_path), "TEXTUAL_ANIMATIONS": "none"})
        fcntl.ioctl(program.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        program.end()
        process.terminate()
    seen = json.loads(out.read_text())
    late, own, cpu = seen["late_ms"], seen["own_ms"], seen["cpu_share"]
    print(
        f"\n20,000 characters at {RATE:.0f} tokens/s, {seen['seconds']:.0f} s: {cpu:.0%} of a core; event loop late by"
        f" {late['p50']:.1f} ms (p50), {late['p99']:.1f} ms (p99), {late['max']:.0f} ms at most; of its own work"
        f" {own['p50']:.1f}, {own['p99']:.1f} and {own['max']:.0f} ms of processor time"
    )
    assert seen["whole"]
    assert seen["followed"]
    assert seen["undisturbed"]
    assert seen["said_below"]
    assert cpu < MOST_OF_A_CORE
    assert late["p99"] < LATE_MS
