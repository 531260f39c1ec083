"""A recipe that is run as long as it takes: in a directory of its own, its output followed and kept, ended with us."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from nemotui.adapters import threads
from nemotui.adapters.recipes import run_recipe
from nemotui.core.errors import FailedError, NothingThereError
from nemotui.core.file_names import timed_name
from nemotui.core.handover import RunBegun, RunEnded, RunEvent, RunOutput, score_of_lines, score_of_log
from nemotui.core.ports import Clock
from nemotui.core.text import plain_line
from nemotui.whole_file import whole_file

_LOG_BYTES = 64 * 1024 * 1024  # of what it prints that are kept
_LINE_BYTES = 64 * 1024
_LOG_OF_METRICS_BYTES = 64 * 1024 * 1024
_GRACE_S = 10.0


class HandoverRuns:
    """`core.stores.HandoverStore`: a directory for each run, by its time and its client's name."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock

    async def once(self, recipe: str, program: str) -> tuple[int | None, str]:
        return await run_recipe(recipe, program)

    async def run(
        self, client: str, recipe: str, needs: Sequence[str], about: Mapping[str, Any]
    ) -> AsyncGenerator[RunEvent, None]:
        """Run it by bash, in its own directory and process group. Closed early it is ended, its output kept.

        Raises `NothingThereError` where a program is missing, `FailedError` where the directory cannot be made.
        """
        for program in ("bash", *needs):
            if shutil.which(program) is None:
                fix = f"Install {program}, or run the recipe where it is."
                raise NothingThereError("not_installed", f"{program} is not installed here", fix)
        directory = await threads.call(lambda: self._made(client))
        yield RunBegun(directory=str(directory))
        began = self._clock.monotonic()
        lines: list[str] = []
        ended: RunEnded | None = None
        with (directory / "output.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *("bash", "-c", recipe),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, "INSPECT_LOG_DIR": str(directory / "logs"), "INSPECT_LOG_FORMAT": "json"},
                start_new_session=True,
            )
            try:
                async for batch in _batches(process, log):
                    lines = [*lines, *batch][-5000:]
                    yield RunOutput(tuple(batch))
                code = await process.wait()
                seconds = self._clock.monotonic() - began
                score = await threads.call(lambda: _logged(directory)) or score_of_lines(lines)
                ended = RunEnded(directory=str(directory), exit_code=code, seconds=seconds, score=score)
            finally:
                if ended is None:
                    await _end(process)
                    seconds = self._clock.monotonic() - began
                    ended = RunEnded(
                        directory=str(directory), exit_code=process.returncode, seconds=seconds, stopped=True
                    )
                _keep(directory, ended, {**about, "client": client, "recipe": recipe})
        yield ended

    def _made(self, client: str) -> Path:
        directory = self._folder / f"{timed_name(self._clock.now(), client, 'client')}-{os.getpid()}"
        try:
            directory.mkdir(parents=True, mode=0o700)
        except OSError as error:
            what = f"{plain_line(str(directory))} cannot be made: {error.strerror}"
            raise FailedError("state", what, "Make room, or set NEMOTUI_STATE_DIR.") from None
        return directory


async def _batches(process: asyncio.subprocess.Process, log: BinaryIO) -> AsyncGenerator[list[str], None]:
    """What it prints, in whole lines, written to the log first."""
    assert process.stdout is not None
    rest, kept = b"", 0
    while chunk := await process.stdout.read(_LINE_BYTES):
        if kept < _LOG_BYTES:
            log.write(chunk[: _LOG_BYTES - kept])
            log.flush()
            kept += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE_BYTES:
            whole, rest = [*whole, rest], b""
        if whole:
            yield [plain_line(line) for line in whole]
    if rest:
        yield [plain_line(rest)]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, with all that it started; then make it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what outlived its leader


def _logged(directory: Path) -> dict[str, float] | None:
    """The metrics of the newest of Inspect's logs here."""
    with suppress(OSError):
        for path in sorted(directory.glob("logs/**/*.json"), key=lambda path: path.stat().st_mtime, reverse=True):
            if path.stat().st_size <= _LOG_OF_METRICS_BYTES and (
                score := score_of_log(path.read_text("utf-8", "replace"))
            ):
                return score
    return None


def _keep(directory: Path, ended: RunEnded, about: Mapping[str, Any]) -> None:
    result = {
        **about,
        "exit_code": ended.exit_code,
        "seconds": ended.seconds,
        "stopped": ended.stopped,
        "score": ended.score,
    }
    with suppress(OSError), whole_file(directory / "result.json") as file:
        file.write(json.dumps(result, indent=1, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
