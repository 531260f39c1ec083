"""The runs folder: what benchmarks lie there, as a list, by name, one at a time."""

from __future__ import annotations

import os
from pathlib import Path

from nemotui.core.errors import UsageError
from nemotui.core.ports import StoredRun
from nemotui.core.text import plain_line
from nemotui.rundir import RunDirectory

_NEWEST = 100  # one that goes on is among them


class RunsFolder:
    """`core.ports.RunStore` over a folder of run directories; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def runs(self) -> list[StoredRun]:
        """All of them, newest first. What cannot be read is listed as broken."""
        return [stored(path) for path in self._paths()]

    async def running(self) -> list[StoredRun]:
        """Those that go on now, newest first."""
        return [stored(path) for path in self._paths()[:_NEWEST] if RunDirectory(path).status() == "running"]

    async def find(self, name: str) -> StoredRun:
        """By directory, name, the beginning of a name, or `latest`; `UsageError` when none or several match."""
        if "/" in name or name in (".", ".."):
            return _at(name)
        paths = self._paths()
        exact = [path for path in paths if path.name == name]
        match exact or (paths[:1] if name == "latest" else [path for path in paths if path.name.startswith(name)]):
            case [path]:
                return stored(path)
            case []:
                raise UsageError(
                    "no_run",
                    f"no run is called {plain_line(name)!r}",
                    f"The runs are the folders in {plain_line(str(self._folder))}.",
                )
            case several:
                names = ", ".join(plain_line(path.name) for path in several[:5])
                message = f"{len(several)} runs begin with {plain_line(name)!r}: {names}"
                raise UsageError("ambiguous_run", message, "Give more of the name.")

    def _paths(self) -> list[Path]:
        try:
            return sorted((path for path in self._folder.iterdir() if path.is_dir()), key=_newest, reverse=True)
        except FileNotFoundError:
            return []


def _at(name: str) -> StoredRun:
    path = Path(os.path.abspath(name))
    if not RunDirectory(path).exists():
        raise UsageError("no_run", f"{plain_line(name)} is not a run directory", "Give a run's name or its directory.")
    return stored(path)


def _newest(path: Path) -> tuple[str, int, str]:
    """Names begin with the time; the second run of one second and label ends in `-2`."""
    time, _, rest = path.name.partition("-")
    number = rest.rpartition("-")[2]
    return time, int(number) if number.isdecimal() else 1, path.name


def stored(path: Path) -> StoredRun:
    """A run directory as it is now; nothing in it can make this fail."""
    directory, name = RunDirectory(path), plain_line(path.name)
    try:
        spec, status = directory.spec(), directory.status()
        result = {**directory.result(), "run": str(path)} if status == "finished" else None
    except (OSError, ValueError, RecursionError) as error:
        return StoredRun(name=name, path=str(path), status="broken", problem=plain_line(str(error)))
    return StoredRun(name=name, path=str(path), status=status, spec=spec, result=result)
