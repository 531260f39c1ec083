"""The console on a pty at 120×40: key to paint, quitting, and whether it disturbs a benchmark."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.perf.on_pty import on_pty
from tests.pretend import pretend_server
from tests.real.nvml_library import build
from tests.real.test_console import silent_engine

pytestmark = pytest.mark.perf

QUIT_S = 1.0  # the promise, whatever hangs


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
    figures = {"alone": [], "console": []}  # type: dict[str, list[dict[str, float]]]
    with pretend_server() as url:
        bench = [sys.executable, "-m", "nemotui", "bench", "--base-url", url, "--num-prompts", "64"]
        for _ in range(3):
            figures["alone"].append(_run([*bench, "--output", str(tmp_path / "runs")]))
            with on_pty(["--base-url", url], tmp_path) as console:
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
    print()
    for name in ("mean_ttft_ms", "p99_ttft_ms", "mean_itl_ms", "p99_itl_ms", "output_throughput"):
        alone, beside = (statistics.median(run[name] for run in figures[key]) for key in ("alone", "console"))
        print(f"{name:<20} alone {alone:9.2f}   with the console {beside:9.2f}   × {beside / alone:.3f}")


def _run(argv: list[str]) -> dict[str, float]:
    run = subprocess.run([*argv, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    result: dict[str, float] = msgspec.json.decode(run.stdout.splitlines()[-1])
    return result
