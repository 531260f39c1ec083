"""The runs folder: what benchmarks lie there, as a list, by name, one at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nemotui.core.compare import Noise, noise
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.merge import Part
from nemotui.core.report import ReportRun
from nemotui.core.stores import StoredRun
from nemotui.core.text import plain_line, plain_values
from nemotui.rundir import RunDirectory

_NEWEST = 100  # one that goes on is among them
_REPEATS_AMONG = 500  # runs, newest first: older ones were measured on another day


class RunsFolder:
    """`core.ports.RunStore` over a folder of run directories; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def runs(self) -> list[StoredRun]:
        """All of them, newest first. What cannot be read is listed as broken."""
        return [stored(path) for path in self._paths()]

    async def listed(self, limit: int, containing: str = "") -> tuple[list[StoredRun], int]:
        """The newest `limit` whose name or model contains a text, and how many more there are; only those are read."""
        paths = self._paths()
        if containing:
            paths = [path for path in paths if containing in path.name or containing in _model(path)]
        return [stored(path) for path in paths[:limit]], max(len(paths) - limit, 0)

    async def label(self, run: StoredRun, label: str) -> StoredRun:
        """Give it another label; its name stays, since others may have noted it."""
        directory = RunDirectory(Path(run.path))
        if run.status == "running":
            raise FailedError("run_goes_on", f"{run.name} goes on", "Label it when it has ended.")
        try:
            directory.write_spec(replace(directory.spec(), label=label))
        except (OSError, ValueError) as error:
            raise FailedError("not_labelled", f"{run.name} cannot be labelled: {plain_line(str(error))}") from None
        return stored(directory.path)

    async def delete(self, run: StoredRun) -> None:
        """Delete its directory; one that goes on and one that is no run are refused."""
        path = Path(run.path)
        if run.status == "running":
            raise FailedError("run_goes_on", f"{run.name} goes on", f"End it first: nemotui bench --stop {run.name}")
        if not RunDirectory(path).exists():
            raise FailedError("no_run", f"{run.name} is no run directory", f"Remove {plain_line(run.path)} yourself.")
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise FailedError("not_deleted", f"{run.name} cannot be deleted: {plain_line(str(error))}") from None

    async def noise(self, run: StoredRun) -> dict[str, Noise]:
        """The noise of its figures, from its own requests."""
        if run.spec is None or run.result is None:
            return {}
        return noise(run.spec, RunDirectory(Path(run.path)).requests(), run.result.get("completed") or 0)

    async def repeats(self, run: StoredRun) -> list[Mapping[str, Any]]:
        """The results of all finished runs of the same setup, this one too: same load, server, flags and GPUs."""
        if run.spec is None:
            return []
        setup = _setup(run)
        return [
            one.result
            for one in (stored(path) for path in self._paths()[:_REPEATS_AMONG])
            if one.result is not None and _clean(one.result) and _setup(one) == setup
        ]

    async def report(self, run: StoredRun, result: Mapping[str, Any]) -> ReportRun:
        """What a report says of it; `result` as `LoadRunner.result` tells it."""
        directory = RunDirectory(Path(run.path))
        try:
            environment = directory.environment()
        except (OSError, ValueError):
            environment = {}
        return ReportRun(
            name=run.name,
            result=result,
            environment=plain_values(environment),
            timeline=tuple(directory.timeline()[0]),
        )

    async def part(self, run: StoredRun, result: Mapping[str, Any]) -> Part:
        """What a merger takes of it; `result` as `LoadRunner.result` tells it."""
        directory = RunDirectory(Path(run.path))
        try:
            gaps = directory.gaps()
        except (OSError, ValueError):
            gaps = None
        return Part(name=run.name, spec=directory.spec(), result=result, requests=directory.requests(), gaps=gaps)

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
        ended_at = directory.ended() if status == "finished" else None
    except (OSError, ValueError, RecursionError) as error:
        return StoredRun(name=name, path=str(path), status="broken", problem=plain_line(str(error)))
    return StoredRun(name=name, path=str(path), status=status, spec=spec, result=result, ended_at=ended_at)


def _model(path: Path) -> str:
    try:
        return RunDirectory(path).spec().model or ""
    except (OSError, ValueError):
        return ""


def _clean(result: Mapping[str, Any]) -> bool:
    return (
        bool(result.get("complete")) and not result.get("failed") and bool((result.get("clock") or {}).get("trusted"))
    )


def _setup(run: StoredRun) -> tuple[object, ...]:
    """What makes two runs repetitions of each other; a label and a seed do not tell them apart."""
    try:
        environment = RunDirectory(Path(run.path)).environment()
    except (OSError, ValueError):
        environment = {}
    machine, container = environment.get("machine") or {}, environment.get("container") or {}
    return (
        replace(run.spec, label=None, seed=0, metadata={}) if run.spec else None,
        environment.get("server_version"),
        container.get("args"),
        container.get("image"),
        sorted(str(gpu.get("uuid")) for gpu in machine.get("gpus") or ()),
    )
