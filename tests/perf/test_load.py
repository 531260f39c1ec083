"""How far the load generator's figures are from the truth, and what it costs.

The table is `python -m tests.perf.load_table`, which says what its environment may ask for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.rundir import RunDirectory
from tests.perf.known_schedule import known_schedule
from tests.perf.load_table import HEAD, table

pytestmark = pytest.mark.perf


def test_the_table() -> None:
    print(f"\n{HEAD}")
    for cell, row in table():
        print(f"| {cell} | {row} |", flush=True)
        assert row.tool != "nemotui" or row.met(cell), f"{cell} is off its target"


def test_start_of_the_published_shape(tmp_path: Path) -> None:
    """From the process's start to the first request and the first that is measured, of 512 × 8,192 tokens."""
    with known_schedule("--ttft-us", 1000, "--itl-us", 1000) as server:
        spec = BenchSpec(base_url=server.url, input_len=8192, output_len=5, num_prompts=512, max_concurrency=32)
        directory = RunDirectory.create(tmp_path, spec, {}, now=0)
        began_ns = time.monotonic_ns()
        process = subprocess.Popen([sys.executable, "-m", "nemotui.load", directory.path])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    result = directory.result()
    assert (result["completed"], result["approximate_prompts"]) == (512, None)
    warmup, first = ((server.sent[number].arrival_ns - began_ns) / 1e9 for number in (0, spec.warmup))
    print(
        f"\n{warmup:.2f} s to the warm-up, {first:.2f} s to the first measured request, {usage.ru_maxrss / 1024:.0f} MB"
    )
    assert first < 1


def test_ten_million_chunks_stay_flat() -> None:
    """Ten thousand requests of a thousand chunks each, with gaps all over the place."""
    code = """
import random, resource, time
from nemotui.core.bench import BenchSpec, RequestRecord
from nemotui.core.bench_summary import Live, Summary
spec = BenchSpec(base_url="http://h", output_len=1000, num_prompts=10_000)
summary = Summary(spec)
live = Live(summary)
rng, began = random.Random(1), time.process_time()
for index in range(10_000):
    at, times = 100_000, []
    for gap in rng.choices(range(200, 400_000), k=1000):
        times.append(at := at + gap)
    live.new_gaps_us += [b - a for a, b in zip(times, times[1:])]
    summary.add(RequestRecord(index=index, scheduled_s=0, sent_s=0, ttft_us=times[0], e2el_us=times[-1],
                              end_us=times[-1], token_us=tuple(times), completion_tokens=1000))
    if index % 100 == 0:
        live.point("run", index / 10)
result = summary.result(1000.0)
assert result["median_itl_ms"] is not None
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, (time.process_time() - began) / 10)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    megabytes, cpu_us = done.stdout.split()
    print(f"\n{megabytes} MB after ten million chunks, {cpu_us} µs of processor a chunk")
    assert int(megabytes) < 100
