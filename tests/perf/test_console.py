"""The console on a pty at 120×40: key to paint, quitting, and whether it disturbs a benchmark."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.real.nvml_library import build
from tests.real.test_console import silent_engine

pytestmark = pytest.mark.perf

PATIENCE_S = 60.0
QUIT_S = 1.0  # the promise, whatever hangs


class Pty:
    """A program on a pty; what it writes is read and searched, nothing is interpreted."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, {**os.environ, "TERM": "xterm-256color", **environment})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.written = 0

    def until(self, text: bytes, patience_s: float = PATIENCE_S) -> float:
        """Read until this has been written since the call; the time at which it was read (monotonic s)."""
        seen = b""
        deadline = time.monotonic() + patience_s
        while text not in seen:
            ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} never came"
            data = os.read(self.fd, 65536)
            self.written += len(data)
            seen = seen[-1000:] + data
        return time.monotonic()

    def drain(self, seconds: float) -> int:
        """Read for a while; how many bytes came."""
        before, deadline = self.written, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                self.written += len(os.read(self.fd, 65536))
        return self.written - before

    def key(self, data: bytes) -> float:
        """Type; the time just before."""
        at = time.monotonic()
        os.write(self.fd, data)
        return at

    def end(self) -> float:
        """Read until the program has ended; when it had."""
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:  # Linux says EIO when the other side is gone
                break
        os.waitpid(self.pid, 0)
        return time.monotonic()

    def kill(self) -> None:
        """At once."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextlib.contextmanager
def on_pty(arguments: list[str], state: Path, environment: dict[str, str] | None = None) -> Iterator[Pty]:
    argv = [sys.executable, "-m", "nemotui", *arguments]
    program = Pty(argv, {"NEMOTUI_STATE_DIR": str(state), **(environment or {})})
    try:
        yield program
    finally:
        program.kill()


def test_key_to_paint_and_quit(tmp_path: Path) -> None:
    times, quits = [], []
    for _ in range(5):
        with on_pty(["--demo", "2xh100"], tmp_path) as console:
            console.until(b"H100")
            for _ in range(10):
                console.drain(0.15)
                pressed = console.key(b"?")
                times.append(console.until(b"Hold the picture") - pressed)
                console.drain(0.15)
                console.key(b"q")
            console.drain(0.5)
            quits.append(-console.key(b"q") + console.end())
    times.sort()
    p50, p99 = times[len(times) // 2] * 1e3, times[-1] * 1e3
    print(f"\nkey to paint: p50 {p50:.0f} ms, worst of {len(times)} {p99:.0f} ms")
    print(f"quit: median {statistics.median(quits) * 1e3:.0f} ms, worst {max(quits) * 1e3:.0f} ms")
    assert max(quits) < QUIT_S


def test_quitting_while_docker_and_the_driver_hang(tmp_path: Path) -> None:
    scene = tmp_path / "scene"
    scene.write_text("hang * nvmlDeviceGetUtilizationRates\n")
    hanging = {
        "LD_LIBRARY_PATH": str(build(tmp_path)),
        "FAKE_NVML_SCENE": str(scene),
        "DOCKER_HOST": f"unix://{tmp_path}/docker.sock",
    }
    quits = []
    with silent_engine(tmp_path / "docker.sock"):
        for _ in range(5):
            with on_pty([], tmp_path, hanging) as console:
                console.until(b"GPUs")
                console.drain(2)
                console.key(b"2")
                console.drain(0.5)
                quits.append(-console.key(b"q") + console.end())
    print(f"\nquit while Docker and the driver hang: worst {max(quits) * 1e3:.0f} ms")
    assert max(quits) < QUIT_S


def test_the_console_does_not_disturb_a_benchmark(tmp_path: Path) -> None:
    """The quick preset against one pretend server: alone, and with the console following every quarter of a second."""
    simulate = [sys.executable, "-m", "nemotui", "simulate", "--port", "8765", "--json"]
    bench = [sys.executable, "-m", "nemotui", "bench", "--base-url", "http://127.0.0.1:8765", "--num-prompts", "64"]
    with subprocess.Popen(simulate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        while b'"ready"' not in server.stdout.readline():
            pass
        try:
            figures = {"alone": [], "console": []}  # type: dict[str, list[dict[str, float]]]
            for _ in range(3):
                figures["alone"].append(_run([*bench, "--output", str(tmp_path / "runs")]))
                with on_pty(["--base-url", "http://127.0.0.1:8765"], tmp_path) as console:
                    console.until(b"nemotron-super")
                    console.key(b"4")
                    said = tmp_path / "said.jsonl"  # a pipe that nobody reads meanwhile would hold it up
                    with said.open("wb") as out:
                        detached = subprocess.Popen([*bench, "--output", str(tmp_path / "runs"), "--json"], stdout=out)
                    console.until(b"in flight")  # it has noticed the run, and draws it
                    while detached.poll() is None:
                        console.drain(0.2)
                    figures["console"].append(msgspec.json.decode(said.read_bytes().splitlines()[-1]))
                    console.key(b"q")
        finally:
            server.send_signal(signal.SIGINT)
    print()
    for name in ("mean_ttft_ms", "p99_ttft_ms", "mean_itl_ms", "p99_itl_ms", "output_throughput"):
        alone, beside = (statistics.median(run[name] for run in figures[key]) for key in ("alone", "console"))
        print(f"{name:<20} alone {alone:9.2f}   with the console {beside:9.2f}   × {beside / alone:.3f}")


def _run(argv: list[str]) -> dict[str, float]:
    run = subprocess.run([*argv, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    result: dict[str, float] = msgspec.json.decode(run.stdout.splitlines()[-1])
    return result
