"""Benchmark runs as processes of their own: started, followed through their directory, asked to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nemotui.adapters import apart
from nemotui.adapters.published import beside_published
from nemotui.adapters.sound import sound_result
from nemotui.core.bench import BenchSpec, TimelinePoint
from nemotui.core.bench_summary import Summary, summarise
from nemotui.core.beside import beside
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.models import Catalog
from nemotui.core.observe import Observation
from nemotui.core.ports import Clock
from nemotui.core.text import plain_line, plain_values
from nemotui.core.verdict import verdict
from nemotui.rundir import RunDirectory

POLL_S = 0.1
_LAST_LOOK_S = 3.0  # so long after a run's end its observer may still be looking


class LoadProcess:
    """`core.ports.LoadRunner` over `python -m nemotui.load`. What `api_key` returns reaches it in its environment.

    `observe` is told of each run that starts, to write down what stands beside it; it returns the process, if any,
    that does so. `price_per_hour` is that of the machine, in dollars.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        catalog: Catalog,
        *,
        api_key: Callable[[], str | None] = lambda: None,
        observe: Callable[[str], int | None] | None = None,
        price_per_hour: float | None = None,
    ) -> None:
        self._folder, self._clock, self._catalog, self._api_key = folder, clock, catalog, api_key
        self._observe, self._price_per_hour = observe, price_per_hour

    async def start(self, spec: BenchSpec, environment: Mapping[str, Any]) -> str:
        """A new run directory, and the process that fills it, in a session of its own: it survives our terminal."""
        try:
            directory = RunDirectory.create(self._folder, spec, environment, now=self._clock.now())
            run = str(directory.path)
            _reap(self._spawn(directory))
            if self._observe is not None and (observer := self._observe(run)) is not None:
                _reap(observer)
        except OSError as error:
            message = f"a run cannot be stored in {self._folder}: {error.strerror}"
            fix = "Name a folder that can be written: --output, or state_dir."
            raise UsageError("runs_folder", message, fix) from None
        return run

    def _spawn(self, directory: RunDirectory) -> int:
        key = self._api_key()
        secrets = {"NEMOTUI_API_KEY": key} if key else {}
        held = (signal.SIGTERM, signal.SIGINT)
        pid = apart.spawn("nemotui.load", [str(directory.path)], secrets, directory.log, held=held)
        # It does so itself too; now nobody can find the directory without its process.
        directory.claim(pid)
        return pid

    async def follow(self, run: str) -> AsyncGenerator[TimelinePoint | Observation]:
        """Its timeline from the beginning, read every 100 ms, and what stands beside it.

        `FailedError` when it ended without a single request.
        """
        directory, offset, beside_offset = RunDirectory(Path(run)), 0, 0
        while True:
            status = _status(directory)  # before reading: what it wrote before its end is read after
            points, offset = directory.timeline(offset)
            observations, beside_offset = directory.observations(beside_offset)
            for point in points:
                yield point
            for observation in observations:
                yield observation
            if status == "finished":
                return
            if status == "interrupted":
                if next(directory.requests(), None) is not None:
                    return
                raise FailedError("load_died", _how_it_died(directory), f"What it said is in {directory.log}.")
            await self._clock.sleep(POLL_S)

    async def result(self, run: str) -> Mapping[str, Any]:
        """Its result.json beside the published row, where one matches, the energy, and the server's own figures.

        Raises what kept the run from measuring.

        Where the process died before it could write one: the figures of the requests that had ended by then.
        """
        directory = RunDirectory(Path(run))
        try:
            read = _of_the_dead if _status(directory) == "interrupted" else RunDirectory.result
            # A version before or after this one may not have written every field.
            unknown = {**Summary(directory.spec()).result(0.0), "complete": True, "reason": None}
            told = plain_values(sound_result(dict(read(directory))))
            parts = {name: _over(unknown[name], told.get(name) or {}) for name in ("clock", "as_vllm")}
            result = {**_over(unknown, told), **parts, "run": run}
        except (OSError, ValueError, RecursionError) as error:
            raise FailedError("no_result", f"{run} has no readable result: {plain_line(str(error))}") from None
        if problem := result.get("error"):
            kind = NothingThereError if problem["kind"] == "no_server" else FailedError
            raise kind(problem["kind"], problem["message"], problem["fix"])
        await self._last_look(directory)
        observations, _ = directory.observations()
        result = beside(beside_published(result, self._catalog), observations, self._price_per_hour)
        result["vllm_bench"] = directory.vllm_bench()
        return {**result, "verdict": verdict(result)}

    async def _last_look(self, directory: RunDirectory) -> None:
        """A run that has just ended is looked at once more: wait for that."""
        try:
            until = directory.ended() + _LAST_LOOK_S
        except OSError:
            return
        while self._clock.now() < until:
            seen = list(directory.observations()[0])
            if not seen or seen[-1].last:
                return
            await self._clock.sleep(POLL_S)

    async def keep_vllm_bench(self, run: str, figures: Mapping[str, Any]) -> None:
        """What vLLM's own tool measured, beside the run."""
        RunDirectory(Path(run)).write_vllm_bench(figures)

    @property
    def risk(self) -> str | None:
        """A host that ends what its users have started when they log out."""
        if not apart.ends_with_us():
            return None
        return (
            "this host ends your processes at logout (KillUserProcesses), a benchmark too:"
            " run `sudo loginctl enable-linger $USER` once, and the next one goes on"
        )

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


def _reap(pid: int) -> None:
    """A child that has ended stays a zombie until its parent asks for it; a run's process ends after its last word."""
    threading.Thread(target=os.waitpid, args=(pid, 0), name="nemotui-reap", daemon=True).start()


def _over(unknown: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told, and where that is nothing what is known without it."""
    return {**unknown, **told, **{name: value for name, value in unknown.items() if told.get(name) is None}}


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
