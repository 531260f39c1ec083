"""Runs of the load generator as processes: begun, waited for, and none left behind by a test that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from nemotui.core.bench import BenchSpec
from nemotui.rundir import RunDirectory
from tests.load.known_server import KnownServer, serving

begun: list[subprocess.Popen[bytes]] = []  # by the test that runs; the conftest ends what it leaves


def start(tmp_path: Path, url: str, **asked: Any) -> tuple[RunDirectory, subprocess.Popen[bytes]]:
    """A run of 6 prompts of 20 tokens, 2 at once, unless asked otherwise."""
    shape = {"input_len": 20, "output_len": 5, "num_prompts": 6, "max_concurrency": 2, "warmup": 1, **asked}
    directory = RunDirectory.create(tmp_path, BenchSpec(base_url=url, **shape), {}, now=0)
    process = subprocess.Popen([sys.executable, "-m", "nemotui.load", directory.path])
    begun.append(process)
    directory.claim(process.pid)
    return directory, process


def measure(tmp_path: Path, server: KnownServer, **asked: Any) -> RunDirectory:
    with serving(server):
        directory, process = start(tmp_path, server.url, **asked)
        assert process.wait(60) == 0
    return directory
