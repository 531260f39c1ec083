"""A benchmark on disk: the one place that knows its file names, and how they are written and read.

    <utc time>-<label>/
      spec.json         what was asked, and what the server said to that: its model, whether it is a pretend one
      environment.json  on what: GPUs, image, versions
      state.json        the process that writes this directory
      requests.jsonl    a `RequestRecord` a line, appended as requests finish
      timeline.jsonl    a `TimelinePoint` a line, four a second
      observations.jsonl  an `Observation` a line, one a second: the server's view, the GPUs' power
      gaps.json         every ITL in bins of 1 µs, of a run whose requests do not keep the time of each chunk
      result.json       the summary; it is the last to be written: a directory that has it is finished
      vllm-bench.json   what `vllm bench serve` measured on the same server, where it was run
      load.log          what the process said, and in observer.log the one that writes the observations

Whole files appear at once or not at all. A line that its writer did not finish is not there yet for a reader.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from nemotui.core.bench import BenchSpec, RequestRecord, TimelinePoint
from nemotui.core.bench_summary import Gaps
from nemotui.core.errors import NemotuiError
from nemotui.core.file_names import timed_name
from nemotui.core.observe import Observation
from nemotui.whole_file import whole_file

Status = Literal["running", "finished", "interrupted"]
Row = TypeVar("Row")

RESULT_BYTES = 128 * 1024


class RunDirectory:
    """One run. Reading raises `OSError` where a file is not there, `ValueError` where it is not what it should be."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, folder: Path, spec: BenchSpec, environment: Mapping[str, Any], *, now: float) -> RunDirectory:
        """A new directory in `folder`, which is made too, readable by its owner alone. `now` is unix seconds."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        label = spec.label or f"{spec.input_len}x{spec.output_len}"
        directory = cls(_make_new(folder, timed_name(now, label, "run")))
        directory._replace("environment.json", environment)
        directory.write_spec(spec)
        return directory

    def exists(self) -> bool:
        """Whether this is a run directory at all."""
        return (self.path / "spec.json").is_file()

    @property
    def log(self) -> Path:
        """Where the process writes what it has to say."""
        return self.path / "load.log"

    @property
    def observer_log(self) -> Path:
        """Where the process that looks at what stands beside it writes what it has to say."""
        return self.path / "observer.log"

    def spec(self) -> BenchSpec:
        """What was asked; fields that this version does not know are ignored."""
        return _read(self.path / "spec.json", BenchSpec)

    def write_spec(self, spec: BenchSpec) -> None:
        """Note what is asked, again once the server has said what was left open."""
        self._replace("spec.json", spec)

    def created(self) -> float:
        """When it began, in unix seconds."""
        return (self.path / "spec.json").stat().st_mtime

    def environment(self) -> dict[str, Any]:
        """On what it ran."""
        return _read(self.path / "environment.json", dict[str, Any])

    def claim(self, pid: int) -> None:
        """Note the process that writes this directory."""
        self._replace("state.json", {"pid": pid, "start_ticks": _start_ticks(pid)})

    def pid(self) -> int | None:
        """The process that writes this directory, while it lives."""
        try:
            state = _read(self.path / "state.json", dict[str, int | None])
        except (OSError, ValueError):
            return None
        pid, ticks = state.get("pid"), state.get("start_ticks")
        # A number alone may have gone to another process since; the time at which that one started tells them apart.
        return pid if pid is not None and ticks is not None and _start_ticks(pid) == ticks else None

    def status(self) -> Status:
        """Finished: it has a result. Interrupted: none, and nobody is left to write one."""
        # Asked before the result is looked for: a process that ends in between has written it.
        running = self.pid() is not None
        if (self.path / "result.json").exists():
            return "finished"
        return "running" if running else "interrupted"

    def result(self) -> dict[str, Any]:
        """The summary."""
        return _read(self.path / "result.json", dict[str, Any])

    def gaps(self) -> Gaps:
        """Every ITL of the run."""
        return _read(self.path / "gaps.json", Gaps)

    def write_gaps(self, gaps: Gaps) -> None:
        """Note every ITL of the run."""
        self._replace("gaps.json", gaps)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Finish the run, on a full disk too: room was kept for this."""
        self._reserve.unlink(missing_ok=True)
        self._replace("result.json", result)

    def vllm_bench(self) -> dict[str, float] | None:
        """What vLLM's own tool measured on the same server, None where it was not run."""
        try:
            return _read(self.path / "vllm-bench.json", dict[str, float])
        except (OSError, ValueError):
            return None

    def write_vllm_bench(self, figures: Mapping[str, float]) -> None:
        """Keep that."""
        self._replace("vllm-bench.json", figures)

    @property
    def _reserve(self) -> Path:
        return self.path / ".reserve"

    def reserve(self) -> None:
        """Keep room for a result."""
        with self._reserve.open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, RESULT_BYTES)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise

    def requests(self) -> Iterator[RequestRecord]:
        """The requests that have finished so far."""
        rows, _ = _rows(self.path / "requests.jsonl", RequestRecord, 0)
        return rows

    def timeline(self, offset: int = 0) -> tuple[Iterator[TimelinePoint], int]:
        """The aggregates from `offset` on, and the offset at which to go on later."""
        return _rows(self.path / "timeline.jsonl", TimelinePoint, offset)

    def observations(self, offset: int = 0) -> tuple[Iterator[Observation], int]:
        """What stood beside it, from `offset` on, and the offset at which to go on later."""
        return _rows(self.path / "observations.jsonl", Observation, offset)

    def observed(self, observation: Observation) -> None:
        """Append what stands beside it now."""
        with (self.path / "observations.jsonl").open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(observation) + b"\n")

    def ended(self) -> float:
        """When its result was written, in unix seconds."""
        return (self.path / "result.json").stat().st_mtime

    def last_words(self) -> str:
        """The last line of the process's log, raw; empty when it said nothing."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 4096))
                lines = log.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""

    def _replace(self, name: str, content: object) -> None:
        with whole_file(self.path / name) as file:
            file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


class RunWriter:
    """The two growing files of a run; each line reaches the kernel before the call returns.

    `failure` is why a line could not be written; nothing is written after that.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.failure: OSError | None = None
        directory.reserve()
        self._encode = msgspec.json.Encoder().encode
        self._requests = (directory.path / "requests.jsonl").open("ab", buffering=0)
        self._timeline = (directory.path / "timeline.jsonl").open("ab", buffering=0)

    def request(self, record: RequestRecord) -> None:
        """Append a finished request."""
        self._append(self._requests, self._encode(record))

    def point(self, point: TimelinePoint) -> None:
        """Append an aggregate."""
        self._append(self._timeline, self._encode(point))

    def _append(self, file: FileIO, line: bytes) -> None:
        if self.failure is None:
            try:
                if file.write(line + b"\n") <= len(line):  # and the rest of it has no room
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                self.failure = error

    def close(self) -> None:
        """Nothing more will come."""
        self._requests.close()
        self._timeline.close()


def _make_new(folder: Path, name: str) -> Path:
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return path


def _read(path: Path, kind: type[Row]) -> Row:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except NemotuiError as error:  # a specification that this version refuses
        raise ValueError(str(error)) from None


def _rows(path: Path, kind: type[Row], offset: int) -> tuple[Iterator[Row], int]:
    """The whole lines of a file from `offset`; one that cannot be read is passed over. No file yet: no lines."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except (FileNotFoundError, IsADirectoryError):
        data = b""
    whole = data[: data.rfind(b"\n") + 1]
    decoder = msgspec.json.Decoder(kind)

    def decoded() -> Iterator[Row]:
        for line in whole.splitlines():
            try:
                yield decoder.decode(line)
            except ValueError:
                continue

    return decoded(), offset + len(whole)


def _start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), stat field 22); None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat[stat.rindex(")") + 2 :].split()  # the name before it may hold anything
    return None if state in "ZX" else int(fields[18])
