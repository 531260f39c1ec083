"""`python -m nemotui.cli.observe RUN_DIR`: what stands beside a run, until it ends. Started with each run."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.host import HostProbe
from nemotui.adapters.nvml import NvmlProbe
from nemotui.adapters.observer import write_observations
from nemotui.adapters.processes import Processes
from nemotui.adapters.vllm import VllmServer
from nemotui.rundir import RunDirectory


async def watch(directory: RunDirectory) -> None:
    """Look at the server and this machine's GPUs."""
    clock = SystemClock()
    server = VllmServer(directory.spec().server, api_key=lambda: os.environ.get("NEMOTUI_API_KEY"))
    probe = NvmlProbe(HostProbe(), Processes(lambda _: None), clock)
    try:
        await write_observations(directory, server, probe, clock)
    finally:
        await probe.close()
        await server.close()


def main() -> int:
    """Entry point. What it cannot do is said in the run's log, and the run itself goes on."""
    os.nice(10)  # the measurement goes first
    try:
        asyncio.run(watch(RunDirectory(Path(sys.argv[1]))))
    except (OSError, ValueError) as error:
        print(f"what stands beside the run cannot be noted: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
