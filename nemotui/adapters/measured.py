"""What was measured here before, from the state directory: starts in one file, benchmarks in their run directories."""

from __future__ import annotations

from pathlib import Path

import msgspec

from nemotui.adapters.state_file import keep_state, read_state
from nemotui.core.measured import MeasuredBench, MeasuredStart, measured_bench

_KEPT_STARTS = 100
_READ_RUNS = 50  # the newest: older ones were of older images


class StartsFile:
    """`core.stores.StartStore` as one JSON file; a file that cannot be read is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[MeasuredStart, ...]:
        """All that is kept, newest first."""
        return read_state(self._path, tuple[MeasuredStart, ...]) or ()

    def add(self, start: MeasuredStart) -> None:
        """Keep it, in place of an older one of the same setup. Raises `FailedError` where it cannot be written."""
        others = (old for old in self.all() if old.setup != start.setup)
        keep_state(self._path, (start, *others)[:_KEPT_STARTS])


def stored_benchmarks(folder: Path, *, pretend: bool = False) -> tuple[MeasuredBench, ...]:
    """The runs in `folder` that measured a plan at the published shape, newest first.

    `pretend`: those of a pretend machine, of which no other knows anything.
    """
    try:
        # Their names begin with the time.
        paths = sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True)[:_READ_RUNS]
    except OSError:
        return ()
    return tuple(bench for path in paths if (bench := _bench(path, pretend)))


def _bench(path: Path, pretend: bool) -> MeasuredBench | None:
    # Only where there are runs: every plan asks for them, and a console starts in the time that it may take.
    from nemotui.adapters.published import measured_on
    from nemotui.adapters.sound import sound_result
    from nemotui.rundir import RunDirectory

    directory, on = RunDirectory(path), measured_on(path)
    if on is None:
        return None
    machine, container = on
    try:
        if bool(directory.environment().get("pretend")) is not pretend:
            return None
        return measured_bench(
            container, machine, msgspec.to_builtins(directory.spec()), sound_result(directory.result())
        )
    except (OSError, ValueError, RecursionError):
        return None
