"""The end of the console's terminal."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.perf.test_console import Pty

pytestmark = pytest.mark.real


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {"NEMOTUI_STATE_DIR": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none"}


def test_a_console_whose_terminal_is_gone_ends(variables: dict[str, str]) -> None:
    """As under `nohup`, where no signal says it."""
    command = f"trap '' HUP; exec {sys.executable} -m nemotui --demo"
    program = Pty(["sh", "-c", command], variables)
    program.until(b"Deploy")
    os.close(program.fd)
    deadline = time.monotonic() + 60
    while os.waitpid(program.pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "it goes on, and nobody can end it"
        time.sleep(0.1)
