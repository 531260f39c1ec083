"""The server of known schedule (known_server.c): compiled, run, and its record read."""

from __future__ import annotations

import itertools
import os
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from nemotui.core.bench import RequestRecord
from nemotui.core.histogram import Histogram
from nemotui.rundir import RunDirectory

_SOURCE = Path(__file__).with_name("known_server.c")


@dataclass
class Sent:
    """One request as the server saw it: the kernel's time of its arrival and of each token chunk's sending, ns."""

    number: int
    arrival_ns: int
    chunks_ns: list[int]


@dataclass
class Known:
    """A running server; `sent` is there once it has ended."""

    url: str
    sent: dict[int, Sent] = field(default_factory=dict)


@cache
def _built() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="known-server-")
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", f"{folder.name}/known_server"]
    subprocess.run(["gcc", str(_SOURCE), *flags], check=True)
    return folder


@contextmanager
def known_schedule(*arguments: object) -> Iterator[Known]:
    """Serve while the block runs."""
    record = Path(_built().name) / f"record-{os.getpid()}-{id(arguments)}"
    command = [f"{_built().name}/known_server", "--record", str(record), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        known = Known(f"http://127.0.0.1:{int(server.stdout.readline())}")
        try:
            yield known
        finally:
            server.terminate()
            assert server.wait(30) == 0
    known.sent = {sent.number: sent for sent in _read(record)}
    record.unlink()


def _read(path: Path) -> Iterator[Sent]:
    numbers = array("q", path.read_bytes())
    at = 0
    while at < len(numbers):
        number, arrival, n = numbers[at : at + 3]
        yield Sent(number, arrival, numbers[at + 3 : at + 3 + n].tolist())
        at += 3 + n


@dataclass(frozen=True)
class Errors:
    """A run beside the truth. `ttft`, `itl` are measured and true; `chunk_p99_us` is of single chunks, |error|."""

    ttft: Histogram
    true_ttft: Histogram
    itl: Histogram
    true_itl: Histogram
    chunk: Histogram

    def of(self, name: str, figure: str) -> float:
        """Measured less true, µs: of `ttft` or `itl`, `mean` or a percentile."""
        ours, true = getattr(self, name), getattr(self, f"true_{name}")
        if figure == "mean":
            return (ours.mean() or 0.0) - (true.mean() or 0.0)
        return (ours.percentile(float(figure)) or 0.0) - (true.percentile(float(figure)) or 0.0)


def errors(directory: RunDirectory, known: Known) -> Errors:
    """Of a run that kept its chunks, over its completed requests. The server's `usage` tells which is which."""
    started_ns = directory.result()["clock"]["started_monotonic_ns"]
    found = Errors(*(Histogram() for _ in range(5)))
    for record in directory.requests():
        if record.failure is None:
            _compare(record, known.sent[record.cached_tokens or 0], started_ns, found)
    return found


def _compare(record: RequestRecord, sent: Sent, started_ns: int, found: Errors) -> None:
    assert record.sent_s is not None
    assert record.ttft_us is not None
    assert len(record.token_us) == len(sent.chunks_ns), "a chunk was lost, or one too many counted"
    sent_us = (started_ns + round(record.sent_s * 1e9)) / 1000
    found.ttft.add(record.ttft_us)
    found.true_ttft.add((sent.chunks_ns[0] - sent.arrival_ns) // 1000)
    found.itl.update(b - a for a, b in itertools.pairwise(record.token_us))
    found.true_itl.update((b - a) // 1000 for a, b in itertools.pairwise(sent.chunks_ns))
    found.chunk.update(
        abs(round(sent_us + at - true_ns / 1000)) for at, true_ns in zip(record.token_us, sent.chunks_ns, strict=True)
    )
