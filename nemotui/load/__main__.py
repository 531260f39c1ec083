"""`python -m nemotui.load RUN_DIR`: run what its spec.json asks. Ends with 0 whenever there is a result.json."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from nemotui.core.errors import NemotuiError, Problem
from nemotui.load.run import Run
from nemotui.rundir import RunDirectory


async def run(directory: RunDirectory) -> None:
    """Measure, and end cleanly on SIGTERM and SIGINT: what was measured until then is the result."""
    # The key must not be in any file, so it comes by the environment.
    measurement = Run(directory, os.environ.get("NEMOTUI_API_KEY"))
    work = asyncio.create_task(measurement.work())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal may go, the run stays
    interrupted, error = False, None
    try:
        await work
    except asyncio.CancelledError:
        interrupted = True
    except NemotuiError as reason:
        error = reason.problem
    except Exception as defect:
        await measurement.finish(
            interrupted=False, error=Problem("defect", f"the load generator failed: {defect!r}", "")
        )
        raise
    await measurement.finish(interrupted=interrupted, error=error)


def main() -> int:
    """Entry point; the last line on stderr says what went wrong, if anything."""
    if len(sys.argv) != 2:
        print("usage: python -m nemotui.load RUN_DIR", file=sys.stderr)
        return 2
    directory = RunDirectory(Path(sys.argv[1]))
    try:
        directory.claim(os.getpid())
        asyncio.run(run(directory))
    except (OSError, ValueError) as error:
        print(f"the load generator cannot use {directory.path}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
