"""Benchmark runs as processes of their own: started, followed through their directory, asked to stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nemotui.adapters.published import beside_published
from nemotui.core.bench import BenchSpec, TimelinePoint
from nemotui.core.bench_summary import summarise
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.models import Catalog
from nemotui.core.ports import Clock
from nemotui.core.text import plain_line, plain_values
from nemotui.rundir import RunDirectory

POLL_S = 0.1


class LoadProcess:
    """`core.ports.LoadRunner` over `python -m nemotui.load`. `api_key` reaches the process by its environment only."""

    def __init__(self, folder: Path, clock: Clock, catalog: Catalog, *, api_key: str | None = None) -> None:
        self._folder, self._clock, self._catalog, self._api_key = folder, clock, catalog, api_key
        self._children: dict[str, int] = {}  # run to process id

    async def start(self, spec: BenchSpec, environment: Mapping[str, Any]) -> str:
        """A new run directory, and the process that fills it, in a session of its own: it survives our terminal."""
        try:
            directory = RunDirectory.create(self._folder, spec, environment, now=self._clock.now())
            self._children[str(directory.path)] = self._spawn(directory)
        except OSError as error:
            message = f"a run cannot be stored in {self._folder}: {error.strerror}"
            raise UsageError("runs_folder", message, "Name a folder that can be written with --output.") from None
        return str(directory.path)

    def _spawn(self, directory: RunDirectory) -> int:
        # -P: what lies in the folder that we were called from must not stand in for a module.
        argv = [sys.executable, "-P", "-m", "nemotui.load", str(directory.path)]
        environment = os.environ | ({"NEMOTUI_API_KEY": self._api_key} if self._api_key else {})
        create = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # Not subprocess, which wants to own its children: this one is its own master.
        pid = os.posix_spawn(
            sys.executable,
            argv,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(directory.log), create, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        # It does so itself too; now nobody can find the directory without its process.
        directory.claim(pid)
        return pid

    async def follow(self, run: str) -> AsyncGenerator[TimelinePoint]:
        """Its timeline from the beginning, read every 100 ms. `FailedError` when it ended without a single request."""
        directory, offset = RunDirectory(Path(run)), 0
        while True:
            self._reap(run)
            status = _status(directory)  # before reading: what it wrote before its end is read after
            points, offset = directory.timeline(offset)
            for point in points:
                yield point
            if status == "finished":
                return
            if status == "interrupted":
                if next(directory.requests(), None) is not None:
                    return
                raise FailedError("load_died", _how_it_died(directory), f"What it said is in {directory.log}.")
            await self._clock.sleep(POLL_S)

    async def result(self, run: str) -> Mapping[str, Any]:
        """Its result.json beside the published row, where one matches; raises what kept the run from measuring.

        Where the process died before it could write one: the figures of the requests that had ended by then.
        """
        directory = RunDirectory(Path(run))
        try:
            read = _of_the_dead if _status(directory) == "interrupted" else RunDirectory.result
            result = {**plain_values(read(directory)), "run": run}
        except (OSError, ValueError) as error:
            raise FailedError("no_result", f"{run} has no readable result: {plain_line(str(error))}") from None
        if problem := result.get("error"):
            kind = NothingThereError if problem["kind"] == "no_server" else FailedError
            raise kind(problem["kind"], problem["message"], problem["fix"])
        return beside_published(result, self._catalog)

    async def stop(self, run: str) -> None:
        """Ask it to end. It stops sending, keeps what it has and writes its result; an ended run is left as it is."""
        if (pid := RunDirectory(Path(run)).pid()) is not None:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            except PermissionError:
                raise FailedError(
                    "not_ours", f"the run {run} belongs to another user", "Stop it as that user."
                ) from None

    def _reap(self, run: str) -> None:
        """A child that has ended stays a zombie until its parent asks for it."""
        if (pid := self._children.get(run)) is not None and os.waitpid(pid, os.WNOHANG) != (0, 0):
            del self._children[run]


def _how_it_died(directory: RunDirectory) -> str:
    words = plain_line(directory.last_words())
    return f"the load generator ended without a result: {words}" if words else "the load generator was killed"


def _of_the_dead(directory: RunDirectory) -> Mapping[str, Any]:
    """What requests.jsonl tells, as the process would have written it. Raises `ValueError` where it tells nothing."""
    records = list(directory.requests())
    if not records:
        raise ValueError("no request had ended")
    return {
        "date": datetime.fromtimestamp(directory.created()).astimezone().strftime("%Y%m%d-%H%M%S"),
        **summarise(directory.spec(), records),
        "complete": False,
        "interrupted": True,
        "reason": _how_it_died(directory),
        "approximate_prompts": None,
        "error": None,
    }


def _status(directory: RunDirectory) -> str:
    if not directory.exists():
        raise UsageError("no_run", f"{directory.path} is not a run directory", "Give a run's directory.")
    return directory.status()
