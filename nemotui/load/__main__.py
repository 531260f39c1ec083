"""`python -m nemotui.load RUN_DIR`: run what its spec.json asks. Ends with 0 whenever there is a result.json."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from nemotui.core.errors import NemotuiError, Problem
from nemotui.load.run import Run
from nemotui.load.stop import Stop, StoppedError
from nemotui.rundir import RunDirectory


def run(directory: RunDirectory, stop: Stop) -> None:
    """Measure, and end cleanly when asked to: what was measured until then is the result."""
    measurement, error = Run(directory, stop), None
    try:
        # The key must not be in any file, so it comes by the environment.
        measurement.work(os.environ.get("NEMOTUI_API_KEY"))
    except StoppedError:
        pass
    except NemotuiError as reason:
        error = reason.problem
    except Exception as defect:
        measurement.finish(Problem("defect", f"the load generator failed: {defect!r}", ""))
        raise
    measurement.finish(error)


def main() -> int:
    """Entry point; the last line on stderr says what went wrong, if anything."""
    stop = Stop()
    if len(sys.argv) != 2:
        print("usage: python -m nemotui.load RUN_DIR", file=sys.stderr)
        return 2
    directory = RunDirectory(Path(sys.argv[1]))
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    try:
        directory.claim(os.getpid())
        run(directory, stop)
    except (OSError, ValueError) as error:
        print(f"the load generator cannot use {directory.path}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
