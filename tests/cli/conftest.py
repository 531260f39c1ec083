"""The real program in a process of its own, in a home of its own, without an engine to talk to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

# What a terminal obeys, or what reorders what it shows.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
PROGRAM = (sys.executable, "-m", "nemotui")
# Started so that Ctrl+C works even where whoever runs the tests ignores it, which children inherit.
INTERRUPTIBLE = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from nemotui.cli import main; main()",
)
SMALL_BENCH = ("--num-prompts", "4", "--max-concurrency", "2", "--input-len", "32", "--output-len", "8")


@dataclass(frozen=True)
class Ran:
    """What a verb left: its exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the user's: no settings, no state, no engine, and a port that nobody else here uses."""
    port = free_port()
    in_place = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}  # a checkout, not installed
    return {
        **in_place,
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "COLUMNS": "80",
        "HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock",
        "NEMOTUI_PORT": str(port),
        "NEMOTUI_SIM_START_SECONDS": "1",  # a start that nobody watches
    }


@pytest.fixture
def nemotui(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run `nemotui ARGS`. Whatever it does, it shows neither a traceback nor a control character."""

    def run(*args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
        done = subprocess.run(
            [*PROGRAM, *args],
            input=stdin,
            capture_output=True,
            env={**environment, **(env or {})},
            cwd=tmp_path,
            timeout=120,
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        for text in (ran.out, ran.err):
            assert re.search("^Traceback", text, re.MULTILINE) is None  # a server's log may hold one of its own
            assert CONTROL.search(text) is None, text
        return ran

    return run


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where nemotui keeps its own in these tests."""
    return tmp_path / "state" / "nemotui"
