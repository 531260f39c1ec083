"""How soon a key is painted while everything is live: a benchmark, a log that floods, and eight GPUs.

The log is a container's; where there is no engine, a stand-in's (log_engine.py).
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.perf.on_pty import on_pty
from tests.real.nvml_library import build, environment
from tests.real.parts import there

from .known_schedule import known_schedule
from .log_engine import standing_in
from .test_logs import flood_image as flood_image
from .test_logs import flooding

pytestmark = pytest.mark.perf

STREAMS, ITL_MS = 256, 50
LINES_A_SECOND = 2_000
PRESSES = 200
KEY_MS = 100.0  # for 99 of 100
# Each pane's key, and what only that pane writes.
PANES = ((b"1", b"140.4"), (b"2", b"VERDICT"), (b"4", b"in flight"), (b"3", b"of a flood"))


@dataclass(frozen=True)
class Log:
    """`writing`: it does, while that is entered."""

    whose: str
    docker_host: str
    writing: Callable[[], AbstractContextManager[None]]


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    if there("docker engine"):
        tag: str = request.getfixturevalue("flood_image")
        host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        yield Log("a container", host, partial(flooding, tag, LINES_A_SECOND, 120))
    else:
        with TemporaryDirectory() as folder:  # a test's own is too deep for a socket
            socket = Path(folder) / "docker.sock"
            yield Log("a stand-in for the engine", f"unix://{socket}", partial(standing_in, socket, LINES_A_SECOND))


def test_keys_are_painted_while_all_is_live(tmp_path: Path, log: Log) -> None:
    scene = tmp_path / "scene"
    scene.write_text("gpus 8\nbusy\n")
    variables = {**environment(build(tmp_path), scene), "DOCKER_HOST": log.docker_host}
    schedule = ("--ttft-us", 100_000, "--itl-us", ITL_MS * 1000)
    with known_schedule(*schedule) as known, on_pty(["--base-url", known.url], tmp_path, variables) as console:
        console.until(b"140.4")
        console.until(b"known")
        shape = ["--input-len", "128", "--output-len", "200", "--num-prompts", str(20 * STREAMS)]
        argv = [sys.executable, "-m", "nemotui", "bench", "--base-url", known.url, *shape]
        measuring = [*argv, "--max-concurrency", str(STREAMS), "--json"]
        with (
            log.writing(),
            subprocess.Popen(measuring, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bench,
        ):
            console.key(b"4")
            console.until(b"in flight")
            console.key(b"3")
            console.until(b"of a flood")
            console.drain(5)
            times = []
            for key, text in itertools.islice(itertools.cycle(PANES), PRESSES):
                pressed = console.key(key)
                times.append((console.until(text) - pressed) * 1e3)
                console.drain(0.15)
            assert bench.poll() is None, "the benchmark was over too soon"
            bench.send_signal(signal.SIGINT)
            bench.wait(60)
        console.key(b"q")
    times.sort()
    in_time = sum(each <= KEY_MS for each in times) / len(times)
    p50, p99 = (times[int(share * len(times))] for share in (0.5, 0.99))
    cores = len(os.sched_getaffinity(0))
    print(f"\nkey to paint, {STREAMS} streams at {ITL_MS} ms, {LINES_A_SECOND:,} lines/s of {log.whose},", end=" ")
    print(f"8 GPUs, {cores} cores:", end=" ")
    print(f"p50 {p50:.0f}, p99 {p99:.0f} ms; {in_time:.1%} within {KEY_MS:.0f} ms")
    assert in_time >= 0.99
