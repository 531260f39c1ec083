"""The published benchmark on the pretend 2×H100, through real HTTP and the real load generator, at speed 1.

512 prompts of 8,192 tokens, 1,024 out, 32 at once: about eight minutes, as on the real one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.perf


def test_the_pretend_machine_beside_the_published_row(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "nemotui", "bench", "--demo", "2xh100", "--preset", "published", "--mode", "full"]
    run = subprocess.run([*argv, "--json", "--output", str(tmp_path)], stdout=subprocess.PIPE, check=True, timeout=1200)
    result = msgspec.json.decode(run.stdout.splitlines()[-1])
    published = result["published"]
    print(f"\n2×H100 FP8, 8192/1024/512/32, ours beside {published['row']}:")
    for name in ("output_throughput", "total_token_throughput", "mean_ttft_ms", "mean_itl_ms"):
        print(f"  {name:<24} {result['as_vllm'][name]:>10,.1f}   × {published[f'{name}_ratio']:.3f}")
        assert published[f"{name}_ratio"] == pytest.approx(1, abs=0.1)
    print(f"  clock {result['clock']}")
    assert result["failed"] == 0
