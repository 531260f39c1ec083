"""The Logs pane on a pty at 120×40 while a real container writes: keys during a flood, and the price of a busy log."""

from __future__ import annotations

import contextlib
import os
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import docker
import pytest

from nemotui.core.plan import LABEL
from tests.perf.on_pty import Pty, cpu_s, on_pty
from tests.pretend import pretend_server
from tests.real import image
from tests.real.parts import require
from tests.real.test_log_flood import FLOOD

pytestmark = pytest.mark.perf

KEY_MS = 100.0  # for 99 of 100
FLOOD_RATE, CYCLES = 50_000, 12


class Press(NamedTuple):
    """A key, what is written when it is painted and by nothing else at that time, and the key that undoes it."""

    key: bytes
    paints: bytes
    back: bytes = b""


KEYS = [
    Press(b"?", b"Follow the log, or hold it", b"q"),
    Press(b"2", b"Plans for"),
    Press(b"3", b"of a flood"),  # the other pane had none of its lines
    Press(b"k", b"paused, "),
    # Now the view is held: until the next key nothing of the log is written.
    Press(b"k", "›".encode()),
    Press(b"\x1b[5~", b"of a flood"),  # a page up
    Press(b"w", b"of a flood"),
    Press(b"w", b"of a flood"),
    Press(b"/", b"ext to look for", b"\x1b"),  # the cursor stands on its first letter
    Press(b"f", b"of a flood"),
]
BUSY_RATE, BUSY_S = 2_000, 20
MOST_OF_A_CORE = 0.15


@pytest.fixture(scope="module")
def flood_image() -> Iterator[str]:
    """An image that writes as many lines a second, for as many seconds, as its arguments say."""
    require("docker engine")
    base, tag = (f"nemotui-test/perf:{uuid.uuid4().hex[:8]}" for _ in range(2))
    with contextlib.closing(docker.from_env(timeout=300)) as client:
        image.build(client, base)
        image.build_script(client, base, tag, FLOOD)
        yield tag
        for name in (tag, base):
            client.images.remove(name, force=True)


@contextlib.contextmanager
def flooding(tag: str, rate: int, seconds: int) -> Iterator[None]:
    with contextlib.closing(docker.from_env(timeout=300)) as client:
        container = client.containers.run(tag, [str(rate), str(seconds)], detach=True, labels={LABEL: "perf"})
        try:
            yield
        finally:
            container.remove(force=True)


def test_keys_are_painted_while_a_flood_is_read(tmp_path: Path, flood_image: str) -> None:
    pauses = random.Random(50_000)  # keys come at any time between two pictures
    times = []
    with on_pty([], tmp_path) as console:
        console.until(b"GPUs")
        console.key(b"3")
        with flooding(flood_image, FLOOD_RATE, 180):
            console.until(b"of a flood")
            console.drain(8)  # by then as many lines are kept as ever will be, and the console has settled
            for press in KEYS * CYCLES:
                pressed = console.key(press.key)
                times.append((console.until(press.paints) - pressed) * 1e3)
                console.drain(pauses.uniform(0.15, 0.35))
                if press.back:
                    console.key(press.back)
                    console.until(b"of a flood")
                    console.drain(pauses.uniform(0.15, 0.35))
        console.key(b"q")
    times.sort()
    in_time = sum(each <= KEY_MS for each in times) / len(times)
    p50, p99 = (times[int(share * len(times))] for share in (0.5, 0.99))
    print(f"\nkey to paint, {FLOOD_RATE:,} lines/s, {len(os.sched_getaffinity(0))} cores: p50 {p50:.0f},", end=" ")
    print(f"p99 {p99:.0f}, worst of {len(times)} {times[-1]:.0f} ms; {in_time:.1%} within {KEY_MS:.0f} ms")
    assert in_time >= 0.99


def busy_share(console: Pty, tag: str) -> float:
    """What of a core the console takes while a container writes steadily."""
    console.key(b"3")
    with flooding(tag, BUSY_RATE, BUSY_S + 15):
        console.until(b"of a flood")
        console.drain(6)  # by then as many lines are kept as ever will be
        began, used = time.monotonic(), cpu_s(console.pid)
        written = console.drain(BUSY_S)
        share = (cpu_s(console.pid) - used) / (time.monotonic() - began)
    console.key(b"q")
    print(f"\n{BUSY_RATE:,} lines/s: {share:.1%} of a core, {written / BUSY_S / 1024:.0f} KiB/s to the terminal")
    return share


def test_two_thousand_lines_a_second_cost_little(tmp_path: Path, flood_image: str) -> None:
    with pretend_server() as url, on_pty(["--base-url", url], tmp_path) as console:
        console.until(b"nemotron-super")
        share = busy_share(console, flood_image)
    assert share < MOST_OF_A_CORE


def test_so_they_do_of_a_start_whose_phases_are_read(tmp_path: Path, flood_image: str) -> None:
    with on_pty([], tmp_path) as console:
        console.until(b"GPUs")
        assert busy_share(console, flood_image) < MOST_OF_A_CORE
