"""How far the load generator is from the truth and what it costs, beside `vllm bench serve`, as a table:

    python -m tests.perf.load_table

Needs gcc. The environment may say: NEMOTUI_PERF_CELLS=256@12,1024@50 (streams at an ITL in ms), NEMOTUI_PERF_VLLM and
NEMOTUI_PERF_TOKENIZER (the `vllm` command and a tokenizer's folder), NEMOTUI_PERF_WORKERS, NEMOTUI_PERF_SERVER (more
arguments of the server, such as "--threads 4 --cpu 8"), NEMOTUI_PERF_CONSOLE=1 (the console draws the run meanwhile).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nemotui.core.bench import BenchSpec
from nemotui.core.histogram import Histogram
from nemotui.rundir import RunDirectory
from tests.perf.known_schedule import Sent, errors, known_schedule

CELLS = "32@12,128@12,256@12,512@12,1024@50"
TTFT_MS = 100
ROUNDS = 2
STREAM_S = 3.0  # what one request lasts after its first token


@dataclass(frozen=True)
class Cell:
    """So many streams at this ITL, each on its own schedule or all in step as an engine sends."""

    streams: int
    itl_ms: int
    lock_step: bool

    @property
    def tokens(self) -> int:
        return round(STREAM_S * 1000 / self.itl_ms)

    @property
    def prompts(self) -> int:
        return ROUNDS * self.streams

    @property
    def server(self) -> list[str]:
        shape = ["--ttft-us", str(TTFT_MS * 1000), "--itl-us", str(self.itl_ms * 1000)]
        more = os.environ.get("NEMOTUI_PERF_SERVER", "").split()
        return [*shape, *(["--lock-step"] if self.lock_step else []), *more]

    def __str__(self) -> str:
        return f"{self.streams} at {self.itl_ms} ms, {'lock-step' if self.lock_step else 'free'}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tool in one cell. Errors in µs: mean, p50 and p99."""

    tool: str
    ttft_us: tuple[float, float, float]
    itl_us: tuple[float, float, float]
    chunk_p99_us: float | None
    reached: float
    cpu_us_per_chunk: float  # of all processes, from start to end
    worker_us_per_chunk: float = 0.0  # of those that hold the streams
    memory_mb: float
    first_s: tuple[
        float, float
    ]  # to the first request, which only warms up or looks for the server; the first measured
    coalesced: float | None = None
    note: str = ""

    def met(self, cell: Cell) -> bool:
        """Whether it holds what is promised for so many streams."""
        few = cell.streams <= 256
        if few and not (
            abs(self.ttft_us[0]) <= 200 and (self.chunk_p99_us or 0) <= 100 and (self.coalesced or 0) < 0.001
        ):
            return False
        cheap = few or self.worker_us_per_chunk <= 25
        return abs(self.itl_us[2]) <= (100 if few else 500) and self.reached >= 0.98 and cheap and self.memory_mb <= 100

    def __str__(self) -> str:
        ttft, itl = (" / ".join(f"{us / 1000:+.3f}" for us in figures) for figures in (self.ttft_us, self.itl_us))
        chunk = "–" if self.chunk_p99_us is None else f"{self.chunk_p99_us:.0f}"
        return (
            f"{self.tool} | {ttft} | {itl} | {chunk} | {self.reached:.1%} | {self.cpu_us_per_chunk:.1f} |"
            f" {self.memory_mb:.0f} | {self.first_s[0]:.2f} / {self.first_s[1]:.2f} | {self.note}"
        )


HEAD = (
    "| cell | tool | TTFT error mean / p50 / p99, ms | ITL error mean / p50 / p99, ms | chunk error p99, µs |"
    " tokens/s reached | CPU µs a chunk | MB | s to the first request / first measured | clock |\n" + "|---" * 10 + "|"
)


def cells() -> Iterator[Cell]:
    for cell in os.environ.get("NEMOTUI_PERF_CELLS", CELLS).split(","):
        streams, itl_ms = map(int, cell.split("@"))
        for lock_step in (False, True):
            yield Cell(streams, itl_ms, lock_step)


def ours(cell: Cell, folder: Path) -> Row:
    workers = os.environ.get("NEMOTUI_PERF_WORKERS")
    with known_schedule(*cell.server) as known:
        spec = BenchSpec(
            base_url=known.url,
            input_len=128,
            output_len=cell.tokens,
            num_prompts=cell.prompts,
            max_concurrency=cell.streams,
            workers=int(workers) if workers else None,
            keep_chunks=True,
            label=str(cell),
        )
        with _console(known.url, folder):
            directory = RunDirectory.create(folder / "runs", spec, {}, now=time.time())
            began_ns, usage = _run([sys.executable, "-m", "nemotui.load", str(directory.path)])
    result, found = directory.result(), errors(directory, known)
    assert result["completed"] == cell.prompts, result["errors"]
    clock = result["clock"]
    return Row(
        tool="nemotui",
        ttft_us=(found.of("ttft", "mean"), found.of("ttft", "50"), found.of("ttft", "99")),
        itl_us=(found.of("itl", "mean"), found.of("itl", "50"), found.of("itl", "99")),
        chunk_p99_us=found.chunk.percentile(99),
        reached=_reached(cell, [known.sent[n] for n in range(spec.warmup, spec.warmup + cell.prompts)], result),
        cpu_us_per_chunk=(usage.ru_utime + usage.ru_stime) * 1e6 / (cell.prompts * cell.tokens),
        worker_us_per_chunk=clock["cpu_us_per_chunk"],
        memory_mb=usage.ru_maxrss / 1024,
        first_s=((known.sent[0].arrival_ns - began_ns) / 1e9, (known.sent[spec.warmup].arrival_ns - began_ns) / 1e9),
        coalesced=clock["coalesced_share"],
        note=(
            f"{clock['source']}, {'trusted' if clock['trusted'] else 'NOT trusted'},"
            f" {clock['coalesced_share']:.2%} coalesced, lag p99 {clock['lag_p99_us']} µs,"
            f" {clock['workers']} × {clock['busiest_worker_cores']:.2f} cores,"
            f" {clock['cpu_us_per_chunk']:.1f} µs a chunk"
        ),
    )


def vllm_bench(cell: Cell, folder: Path, vllm: str) -> Row:
    """`vllm bench serve` on the same schedule; its figures as it says them, against the same truth."""
    with known_schedule(*cell.server) as known:
        command = [
            *(vllm, "bench", "serve", "--backend", "openai-chat", "--endpoint", "/v1/chat/completions"),
            *("--base-url", known.url, "--model", "known", "--dataset-name", "random", "--random-input-len", "128"),
            *("--tokenizer", os.environ["NEMOTUI_PERF_TOKENIZER"], "--random-output-len", str(cell.tokens)),
            *("--num-prompts", str(cell.prompts), "--max-concurrency", str(cell.streams), "--ignore-eos"),
            *("--save-result", "--result-dir", str(folder), "--result-filename", "vllm.json"),
            *("--percentile-metrics", "ttft,itl", "--metric-percentiles", "50,99", "--disable-tqdm"),
        ]
        began_ns, usage = _run(command, quiet=True)
    result = json.loads((folder / "vllm.json").read_text())
    assert result["completed"] == cell.prompts
    measured = sorted(known.sent)[-cell.prompts :]  # it sends some before, to see whether the server is there
    true_ttft, true_itl = Histogram(), Histogram()
    for sent in map(known.sent.__getitem__, measured):
        true_ttft.add((sent.chunks_ns[0] - sent.arrival_ns) // 1000)
        true_itl.update((b - a) // 1000 for a, b in zip(sent.chunks_ns, sent.chunks_ns[1:], strict=False))

    def off(name: str, true: Histogram) -> tuple[float, float, float]:
        return (
            result[f"mean_{name}_ms"] * 1000 - (true.mean() or 0),
            result[f"median_{name}_ms"] * 1000 - (true.percentile(50) or 0),
            result[f"p99_{name}_ms"] * 1000 - (true.percentile(99) or 0),
        )

    return Row(
        tool="vllm bench serve",
        ttft_us=off("ttft", true_ttft),
        itl_us=off("itl", true_itl),
        chunk_p99_us=None,
        reached=_reached(cell, [known.sent[n] for n in measured], result),
        cpu_us_per_chunk=(usage.ru_utime + usage.ru_stime) * 1e6 / (cell.prompts * cell.tokens),
        memory_mb=usage.ru_maxrss / 1024,
        first_s=((known.sent[0].arrival_ns - began_ns) / 1e9, (known.sent[measured[0]].arrival_ns - began_ns) / 1e9),
    )


@contextmanager
def _console(url: str, state: Path) -> Iterator[None]:
    """A console that shows the run, in a terminal that takes all that it draws."""
    if not os.environ.get("NEMOTUI_PERF_CONSOLE"):
        yield
        return
    from tests.perf.on_pty import on_pty  # wants more than a load generator does

    with on_pty(["--base-url", url], state) as console:
        console.until(b"known")
        console.key(b"4")
        over = threading.Event()
        terminal = threading.Thread(target=lambda: [console.drain(0.1) for _ in iter(over.is_set, True)])
        terminal.start()
        try:
            yield
        finally:
            over.set()
            terminal.join()
            print(f"(the console drew {console.written / 1024:.0f} KiB)", file=sys.stderr)


def _run(command: list[str], *, quiet: bool = False) -> tuple[int, Any]:
    """When it began (monotonic ns), and what it used."""
    began_ns = time.monotonic_ns()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL if quiet else None)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return began_ns, usage


def _reached(cell: Cell, requests: list[Sent], result: Mapping[str, Any]) -> float:
    """The share of the streams' time in which the server had a request of them to answer: of the tokens a second that
    it would send to clients who lose none."""
    answering_ns: int = sum(sent.chunks_ns[-1] - sent.arrival_ns for sent in requests)
    return answering_ns / 1e9 / (cell.streams * float(result["duration"]))


def table() -> Iterator[tuple[Cell, Row]]:
    vllm = os.environ.get("NEMOTUI_PERF_VLLM")
    for cell in cells():
        with TemporaryDirectory() as folder:
            yield cell, ours(cell, Path(folder))
            if vllm:
                yield cell, vllm_bench(cell, Path(folder), vllm)


if __name__ == "__main__":
    print(HEAD)
    for cell, row in table():
        print(f"| {cell} | {row} |", flush=True)
