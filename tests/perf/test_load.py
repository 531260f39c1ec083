"""How far the load generator's figures are from the truth, and what it costs: `make perf`."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.core.histogram import Histogram
from nemotui.rundir import RunDirectory
from tests.load.known_server import Behaviour, KnownServer, serving

pytestmark = pytest.mark.perf

# A server of its own process: it records when it read each request and wrote each token, and prints that.
_SERVER = """
import json, sys
from tests.load.known_server import Behaviour, KnownServer, serving
server = KnownServer(lambda _: Behaviour(thinking=0, content=250, first_s=0.1, gap_s=0.012))
with serving(server):
    print(server.url, flush=True)
    sys.stdin.readline()
print(json.dumps([server.arrivals, server.sends]), flush=True)
"""


def figures(name: str, histogram: Histogram) -> str:
    p50, p99 = histogram.percentiles(50, 99)
    return f"{name} mean {histogram.mean() or 0:9.0f}  p50 {p50 or 0:9.0f}  p99 {p99 or 0:9.0f} µs"


@pytest.mark.parametrize("streams", [1, 8, 32])
def test_error_against_a_known_schedule(tmp_path: Path, streams: int) -> None:
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        spec = BenchSpec(
            base_url=server.stdout.readline().decode().strip(),
            input_len=128,
            output_len=250,
            num_prompts=3 * streams,
            max_concurrency=streams,
        )
        directory = RunDirectory.create(tmp_path, spec, {}, now=0)
        generator = subprocess.Popen([sys.executable, "-m", "nemotui.load", directory.path])
        _, status, usage = os.wait4(generator.pid, 0)
        generator.returncode = os.waitstatus_to_exitcode(status)
        said, _ = server.communicate(b"\n")
    arrivals, sends = json.loads(said)
    true_ttft, true_itl = Histogram(), Histogram()
    for arrival, times in list(zip(arrivals, sends, strict=True))[spec.warmup :]:
        true_ttft.add(round((times[0] - arrival) * 1e6))
        true_itl.update(round((b - a) * 1e6) for a, b in itertools.pairwise(times))
    ttft, itl = Histogram(), Histogram()
    for record in directory.requests():
        assert record.ttft_us is not None
        ttft.add(record.ttft_us)
        itl.update(b - a for a, b in itertools.pairwise(record.token_us))
    result = directory.result()
    assert result["completed"] == spec.num_prompts
    print(f"\n{streams} streams at 12 ms")
    for name, ours, true in (("TTFT", ttft, true_ttft), ("ITL ", itl, true_itl)):
        print(figures(f"  {name} true", true), figures(" | ours", ours), sep="")
    print(f"  clock {result['clock']}")
    cpu = usage.ru_utime + usage.ru_stime
    print(f"  {cpu * 1e6 / (len(itl) + len(ttft)):.0f} µs CPU a chunk, {usage.ru_maxrss / 1024:.0f} MB")


def test_start_of_the_published_shape(tmp_path: Path) -> None:
    """From the process's start to the first measured request, prompts of 512 × 8,192 tokens included."""
    with serving(KnownServer(lambda _: Behaviour())) as server:
        spec = BenchSpec(base_url=server.url, input_len=8192, output_len=5, num_prompts=512, max_concurrency=32)
        directory = RunDirectory.create(tmp_path, spec, {}, now=0)
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "nemotui.load", directory.path])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    result = directory.result()
    assert (result["completed"], result["approximate_prompts"]) == (512, None)
    first = server.arrivals[spec.warmup] - began
    print(f"\n{first:.2f} s to the first request, {usage.ru_maxrss / 1024:.0f} MB, then {result['duration']:.1f} s")
