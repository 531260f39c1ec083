"""Whoever starts a verb with a stream closed (cron, `>&-`) gets the others as ever."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("verb", ["gpus --demo", "chat --demo --speed 50 --mode off Why?"])
def test_a_stream_that_is_closed_changes_nothing_else(
    environment: dict[str, str], tmp_path: Path, verb: str, closed: str
) -> None:
    shell = f"exec {shlex.join([*PROGRAM, *verb.split()])} {closed}"
    done = subprocess.run(shell, shell=True, env=environment, cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, b"defect" in done.stderr) == (0, False)
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))
