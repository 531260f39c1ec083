"""A whole process on a driver library that the loader finds: dlopen, ABI widths, threads, and leaving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

# What a command that reads the GPUs does: one sample, close, leave.
_PROGRAM = """
import asyncio, json
from pathlib import Path
from nemotui.adapters.clock import SystemClock
from nemotui.adapters.host import HostProbe
from nemotui.adapters.machine_file import machine_json
from nemotui.adapters.nvml import NvmlProbe
from nemotui.core.errors import NemotuiError

async def main():
    probe = NvmlProbe(HostProbe(Path.home()), SystemClock(), first_patience_s={patience_s}, drain_s=0.2)
    try:
        print(json.dumps(machine_json(await probe.sample())))
    except NemotuiError as error:
        print(json.dumps({{"error": error.problem.kind}}))
    finally:
        await probe.close()

asyncio.run(main())
"""


def run(library: Path, patience_s: float = 60.0, **environment: str) -> dict[str, Any]:
    """What the process printed. It must end by itself, with exit code 0; the limit is only for a broken one."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(patience_s=patience_s)],
        env=os.environ | {"LD_LIBRARY_PATH": str(library)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_two_gpus_are_read_from_the_library_that_the_loader_finds(library: Path) -> None:
    machine = run(library)
    assert (machine["driver_version"], machine["cuda_version"], machine["error"]) == ("580.159.04", "13.0", None)
    assert [gpu["uuid"] for gpu in machine["gpus"]] == [f"GPU-00000000-1111-2222-3333-00000000000{i}" for i in (0, 1)]
    assert [gpu["utilization_percent"] for gpu in machine["gpus"]] == [10, 11]
    assert [gpu["power_w"] for gpu in machine["gpus"]] == [84.873, 85.873]
    assert machine["gpus"][0]["memory_free_bytes"] == 150_109_880_320
    assert machine["gpus"][0]["temperature_c"] is None
    assert machine["gpus"][0]["unknown"]["temperature_c"] == "the driver is too old to say"
    assert [link["kind"] for link in machine["links"]] == ["NVLINK"]


@pytest.mark.parametrize("call", ["nvmlInitWithFlags", "nvmlDeviceGetUtilizationRates"])
def test_a_call_that_never_comes_back_does_not_keep_the_process(library: Path, call: str) -> None:
    assert run(library, patience_s=0.5, FAKE_NVML_HANG=call) == {"error": "driver_not_answering"}


def test_a_shutdown_that_never_comes_back_does_not_keep_the_process(library: Path) -> None:
    assert len(run(library, FAKE_NVML_HANG="nvmlShutdown")["gpus"]) == 2
