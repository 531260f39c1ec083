"""The runs folder: what benchmarks lie there, as a list, by name, one at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from nemotui.adapters import threads
from nemotui.adapters.sound import sound_environment, sound_result
from nemotui.core.bench import BenchSpec
from nemotui.core.compare import TIMES, Noise, noise
from nemotui.core.environment import gpus_measured
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.merge import Part
from nemotui.core.report import ReportRun
from nemotui.core.stores import StoredRun
from nemotui.core.sweep import FIRST, GROUP, SweepPoint, Swept, sweep_point
from nemotui.core.text import plain_line, plain_values
from nemotui.rundir import RunDirectory
from nemotui.whole_file import whole_file

_NEWEST = 100  # one that goes on is among them
_ALIKE = ("input_len", "output_len", "mode", "time_scale")
_REPEATS_AMONG = 500  # runs, newest first: older ones were measured on another day
_KEPT = 1000  # runs whose summary is kept in memory, some 10 KB each


class _Named(msgspec.Struct):
    label: str | None = None
    model: str | None = None


class RunsFolder:
    """`core.stores.RunStore` over a folder of run directories; it need not exist.

    A screen asks for the list every few seconds: what was read of a run is kept while its files have not changed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: dict[str, tuple[int, str]] = {}  # by name: when spec.json changed, and its label and model
        self._kept: dict[str, tuple[tuple[int, int], StoredRun]] = {}  # finished ones: when spec and result changed

    async def listed(self, limit: int, containing: str = "") -> tuple[list[StoredRun], int]:
        """The newest `limit` whose name, label or model contains a text, and how many more there are.

        Only those are read; what cannot be read is listed as broken.
        """
        return await threads.call(self._listed, limit, containing.casefold())

    def _listed(self, limit: int, containing: str) -> tuple[list[StoredRun], int]:
        names = self._names()
        if containing:
            names = [name for name in names if containing in name.casefold() or containing in self._known_by(name)]
        return [self._stored(name) for name in names[:limit]], max(len(names) - limit, 0)

    def _stored(self, name: str) -> StoredRun:
        path = self._folder / name
        changed = _changed(path / "spec.json"), _changed(path / "result.json")
        if (known := self._kept.get(name)) and known[0] == changed:
            return known[1]
        run = stored(path)
        if run.status == "finished":
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[name] = changed, run
        return run

    def _known_by(self, name: str) -> str:
        """Its label and model, for a text to be looked for."""
        file = f"{self._folder}/{name}/spec.json"
        changed = _changed(file)
        if (known := self._named.get(name)) and known[0] == changed:
            return known[1]
        try:
            with open(file, "rb") as opened:
                named = msgspec.json.decode(opened.read(), type=_Named)
        except (OSError, ValueError, RecursionError):
            named = _Named()
        words = f"{named.label or ''} {named.model or ''}".casefold()
        self._named[name] = changed, words
        return words

    async def folders(self) -> list[tuple[Path, bool]]:
        """Every run's directory, newest first, and whether it goes on; nothing else is read."""

        def read() -> list[tuple[Path, bool]]:
            paths = [self._folder / name for name in self._names()]
            return [(path, RunDirectory(path).status() == "running") for path in paths]

        return await threads.call(read)

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
        """Delete its directory; one that goes on and one that is no run are refused.

        Many a project has a spec.json: one that is not a run's counts only in the folder of runs.
        """
        path = Path(run.path)
        if run.status == "running":
            raise FailedError("run_goes_on", f"{run.name} goes on", f"End it first: nemotui bench --stop {run.name}")
        foreign = run.status == "broken" and path.parent != self._folder.absolute()
        if foreign or not RunDirectory(path).exists():
            raise FailedError("no_run", f"{run.name} is no run directory", f"Remove {plain_line(run.path)} yourself.")
        try:
            await threads.call(shutil.rmtree, path)
        except OSError as error:
            raise FailedError("not_deleted", f"{run.name} cannot be deleted: {plain_line(str(error))}") from None

    async def noise(self, run: StoredRun) -> dict[str, Noise]:
        """The noise of its figures, from its own requests."""
        if run.spec is None or run.result is None:
            return {}
        requests = RunDirectory(Path(run.path)).requests
        spec, completed = run.spec, run.result.get("completed") or 0

        def known() -> dict[str, Noise]:
            try:
                return noise(spec, requests(), completed)
            except ValueError:  # a request that says neither that it failed nor when its tokens came
                return {}

        return await threads.call(known)

    async def repeats(self, run: StoredRun) -> list[Mapping[str, Any]]:
        """The results of all finished runs of the same setup, this one too: same load, server, flags and GPUs."""
        if run.spec is None:
            return []
        return await threads.call(self._around(run)._repeats, _setup(run))

    def _repeats(self, setup: tuple[object, ...]) -> list[Mapping[str, Any]]:
        return [
            one.result
            for one in map(self._stored, self._names()[:_REPEATS_AMONG])
            if one.result is not None and _clean(one.result) and _setup(one) == setup
        ]

    async def swept(self, spec: BenchSpec) -> list[SweepPoint]:
        """The sound points of earlier sweeps of the same lengths and mode."""
        return await threads.call(lambda: list(self._swept(spec)))

    def _swept(self, spec: BenchSpec) -> Iterator[SweepPoint]:
        for run in map(self._stored, self._names()[:_REPEATS_AMONG]):
            asked, result = run.spec, run.result
            if asked is None or result is None or asked.metadata.get("group") != GROUP or not _clean(result):
                continue
            if all(getattr(asked, name) == getattr(spec, name) for name in _ALIKE):
                yield _point(run, result)

    async def sweep_of(self, run: StoredRun) -> list[StoredRun]:
        """The finished runs of the sweep that a run belongs to, the least load first; none where it belongs to none."""
        return await threads.call(self._around(run)._sweep_of, run)

    def _sweep_of(self, run: StoredRun) -> list[StoredRun]:
        if run.spec is None or run.spec.metadata.get("group") != GROUP:
            return []
        first = run.spec.metadata.get(FIRST, run.name)
        names = self._names()
        # They were begun after the first of them, one after the other.
        newer = names[: names.index(first) + 1][-_REPEATS_AMONG:] if first in names else names[:_REPEATS_AMONG]
        mine = [one for one in map(self._stored, newer) if one.spec and one.result]
        mine = [one for one in mine if one.name == first or (one.spec and one.spec.metadata.get(FIRST) == first)]
        return sorted(mine, key=_load)

    async def whole_sweep(self, runs: Sequence[StoredRun]) -> Swept:
        """Their points, and those of earlier sweeps of the same shape."""
        return await threads.call(self._around(runs[0])._whole_sweep, runs)

    def _whole_sweep(self, runs: Sequence[StoredRun]) -> Swept:
        first = min(run.path for run in runs)  # the names begin with the time
        spec = next(run.spec for run in runs if run.spec)
        return Swept(
            points=[_point(run, run.result) for run in runs if run.result],
            earlier=[point for point in self._swept(spec) if point.run < first],
            whole=not spec.open_loop,
        )

    async def report(self, run: StoredRun, result: Mapping[str, Any]) -> ReportRun:
        """What a report says of it; `result` as `LoadRunner.result` tells it."""
        directory = RunDirectory(Path(run.path))
        return ReportRun(
            name=run.name,
            result=result,
            environment=plain_values(_environment(run)),
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

    async def write_report(self, run: StoredRun, name: str, text: str) -> str:
        """Keep a report in the run's directory: its path. Raises `FailedError` where it cannot be written."""
        path = Path(run.path) / name
        try:
            with whole_file(path) as file:
                file.write(text.encode())
        except OSError as error:
            raise FailedError("not_written", f"{plain_line(str(path))} cannot be written: {error.strerror}") from None
        return str(path)

    async def running(self) -> list[StoredRun]:
        """Those that go on now, newest first."""
        paths = [self._folder / name for name in self._names()[:_NEWEST]]
        return [stored(path) for path in paths if RunDirectory(path).status() == "running"]

    async def find(self, name: str) -> StoredRun:
        """By directory, name, the beginning of a name, `latest`, or a label: the newest that has it.

        Raises `UsageError` when none or several match.
        """
        if "/" in name or name in (".", ".."):
            return _at(name)
        names = self._names()
        exact = [one for one in names if one == name]
        match exact or (names[:1] if name == "latest" else [one for one in names if one.startswith(name)]):
            case [one]:
                return stored(self._folder / one)
            case []:
                if (labelled := await threads.call(self._labelled, names, name)) is not None:
                    return stored(self._folder / labelled)
                raise UsageError(
                    "no_run",
                    f"no run is called {plain_line(name)!r}",
                    f"See `nemotui runs`; the folder is {plain_line(str(self._folder))}."
                    if names
                    else f"None is stored in {plain_line(str(self._folder))}.",
                )
            case several:
                some = ", ".join(map(plain_line, several[:5]))
                message = f"{len(several)} runs begin with {plain_line(name)!r}: {some}"
                raise UsageError("ambiguous_run", message, "Give more of the name.")

    def _labelled(self, names: list[str], label: str) -> str | None:
        """The newest of this label."""
        folded = label.casefold()
        return next(
            (one for one in names if folded in self._known_by(one) and _label(self._folder / one) == label), None
        )

    def _around(self, run: StoredRun) -> RunsFolder:
        """The folder that a run lies in: one that was named by its directory may be of another."""
        folder = Path(run.path).parent
        return self if folder == self._folder.absolute() else RunsFolder(folder)

    def _names(self) -> list[str]:
        """Newest first. Not as paths, which take longer to make than a folder to list."""
        try:
            with os.scandir(self._folder) as entries:  # which tells a folder without asking for each
                return sorted((entry.name for entry in entries if entry.is_dir()), key=_newest, reverse=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            what = f"the runs in {plain_line(str(self._folder))} cannot be listed: {error.strerror}"
            raise FailedError("runs_folder", what, "Mend that, or name another folder with state_dir.") from None


def _at(name: str) -> StoredRun:
    path = Path(os.path.abspath(name))
    if not RunDirectory(path).exists():
        raise UsageError("no_run", f"{plain_line(name)} is not a run directory", "Give a run's name or its directory.")
    return stored(path)


def _label(path: Path) -> str | None:
    run = stored(path)
    return run.spec.label if run.spec else None


def _newest(name: str) -> tuple[str, int, str]:
    """Names begin with the time; the second run of one second and label ends in `-2`."""
    time, _, rest = name.partition("-")
    number = rest.rpartition("-")[2]
    return time, int(number) if number.isdecimal() else 1, name


def stored(path: Path) -> StoredRun:
    """A run directory as it is now; nothing in it can make this fail."""
    directory, name = RunDirectory(path), plain_line(path.name)
    try:
        spec, status = directory.spec(), directory.status()
        spec = replace(spec, label=_plain(spec.label), model=_plain(spec.model))
        result = {**plain_values(sound_result(directory.result())), "run": str(path)} if status == "finished" else None
        ended_at = directory.ended() if status == "finished" else None
    except FileNotFoundError:
        return StoredRun(name=name, path=str(path), status="broken", problem="it holds no run")
    except (OSError, ValueError, RecursionError) as error:
        return StoredRun(name=name, path=str(path), status="broken", problem=plain_line(str(error)))
    return StoredRun(name=name, path=str(path), status=status, spec=spec, result=result, ended_at=ended_at)


def _plain(text: str | None) -> str | None:
    return None if text is None else plain_line(text)


def _changed(file: str | Path) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0


def _environment(run: StoredRun) -> dict[str, Any]:
    try:
        return sound_environment(RunDirectory(Path(run.path)).environment())
    except (OSError, ValueError, RecursionError):
        return {}


def _load(run: StoredRun) -> float:
    return (run.spec.request_rate or run.spec.max_concurrency or 0) if run.spec else 0


def _point(run: StoredRun, result: Mapping[str, Any]) -> SweepPoint:
    known = {**dict.fromkeys(("output_throughput", "mean_tpot_ms")), **dict.fromkeys(TIMES)}
    return sweep_point(_load(run), {**known, **result}, gpus_measured(_environment(run)))


def _clean(result: Mapping[str, Any]) -> bool:
    return (
        bool(result.get("complete"))
        and not result.get("failed")
        and bool((result.get("clock") or {}).get("trusted"))
        and not result.get("beside")
    )


def _setup(run: StoredRun) -> tuple[object, ...]:
    """What makes two runs repetitions of each other; a label and a seed do not tell them apart."""
    environment = _environment(run)
    machine, container = environment.get("machine") or {}, environment.get("container") or {}
    return (
        replace(run.spec, label=None, seed=0, metadata={}) if run.spec else None,
        environment.get("server_version"),
        container.get("args"),
        container.get("image"),
        sorted(str(gpu.get("uuid")) for gpu in machine.get("gpus") or ()),
    )
