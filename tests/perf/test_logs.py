"""The Logs pane on a pty at 120×40 while a real container writes: keys during a flood, and the price of a busy log."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from nemotui.core.plan import LABEL
from tests.perf.on_pty import Pty, cpu_s, on_pty
from tests.pretend import pretend_server
from tests.real import image
from tests.real.parts import require
from tests.real.test_log_flood import FLOOD

pytestmark = pytest.mark.perf

KEY_MS = 100.0
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
    with on_pty([], tmp_path) as console:
        console.until(b"GPUs")
        console.key(b"3")
        with flooding(flood_image, 50_000, 30):
            console.until(b"of a flood")
            console.drain(2)
            times = []
            for _ in range(15):
                pressed = console.key(b"?")
                times.append((console.until(b"Follow the log, or hold it") - pressed) * 1e3)
                console.drain(0.3)
                console.key(b"q")
                console.drain(0.3)
        console.key(b"q")
    times.sort()
    print(f"\nkey to paint, 50,000 lines/s: p50 {times[7]:.0f} ms, worst of {len(times)} {times[-1]:.0f} ms")
    assert times[7] < KEY_MS


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
