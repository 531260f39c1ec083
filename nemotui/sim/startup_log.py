"""The log of a vLLM start, line by line, as vLLM 0.33 writes it; in the time that the caller gives it.

Texts and their order are those of real starts (0.24 on an H200, 0.32 on a CPU) and of vLLM 0.33's source; the share of
time that each phase takes is the tracker's own expectation, `core.phases.TYPICAL_S`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from nemotui.core.memory import GIB
from nemotui.core.phases import TYPICAL_S, Phase
from nemotui.sim.failures import Failure
from nemotui.sim.settings import ServerSettings

Process = Literal["APIServer", "EngineCore", "Worker", ""]
_SHARD_BYTES = 5_000_000_000  # Hugging Face's checkpoints are cut into files of about this size
_PACKAGE = "/usr/local/lib/python3.12/dist-packages/vllm"
_LOGO = (
    "",
    "       █     █     █▄   ▄█",
    " ▄▄ ▄█ █     █     █ ▀▄▀ █  version {version}",
    "  █▄█▀ █     █     █     █  model   {model}",
    "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀",
    "",
)
_ROUTES = (
    ("/version", "GET"),
    ("/health", "GET"),
    ("/metrics", "GET"),
    ("/tokenize", "POST"),
    ("/detokenize", "POST"),
    ("/v1/models", "GET"),
    ("/ping", "GET"),
    ("/v1/chat/completions", "POST"),
    ("/v1/completions", "POST"),
    ("/v1/messages", "POST"),
    ("/v1/messages/count_tokens", "POST"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line due `at` a share 0..1 of the start. A progress bar has no source and goes to stderr behind a `\\r`."""

    at: float
    process: Process
    source: str
    text: str
    level: str = "INFO"

    @property
    def bar(self) -> bool:
        return not self.process


def script(
    settings: ServerSettings,
    *,
    disk_bytes: int,
    host: str,
    port: int,
    given: Mapping[str, object],
    start_seconds: float,
    fetch_seconds: float = 0.0,
    failure: Failure | None = None,
) -> Iterator[Entry]:
    """Every line of the start up to the HTTP server's own, or up to the `failure`, in order.

    `given` are the arguments that differ from their defaults; `start_seconds` is the length of the whole start but for
    the `fetch_seconds` of the download, for the durations that the lines themselves name.
    """
    at = 0.0
    scale = start_seconds / sum(TYPICAL_S.values())
    took = {phase: seconds * scale for phase, seconds in TYPICAL_S.items()} | {"download": fetch_seconds}
    for phase, lines in _phases(settings, disk_bytes, host, port, given, took).items():
        share = took[phase] / (start_seconds + fetch_seconds)
        for number, line in enumerate(lines):
            # The first line opens the phase; the others are spread over it.
            yield Entry(at + share * number / len(lines), *line)
        at += share
        if failure is not None and failure.phase == phase:
            yield from failure_lines(at, failure)
            return


def failure_lines(at: float, failure: Failure) -> Iterator[Entry]:
    """How vLLM dies: the engine's traceback with the cause, then the API server's, which only points at it."""
    core = "core.py:1231"
    for text in (
        "EngineCore failed to start.",
        "Traceback (most recent call last):",
        f'  File "{_PACKAGE}/v1/engine/core.py", line 1200, in run_engine_core',
        "    engine_core = EngineCoreProc(*args, engine_index=dp_rank, **kwargs)",
        failure.text,
    ):
        yield Entry(at, "EngineCore", core, text, "ERROR")
    for text in (
        "Traceback (most recent call last):",
        f'  File "{_PACKAGE}/v1/engine/utils.py", line 1272, in wait_for_engine_startup',
        "    raise RuntimeError(",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    ):
        yield Entry(at, "APIServer", "", text, "ERROR")


_Line = tuple[Process, str, str]


def _phases(
    s: ServerSettings, disk_bytes: int, host: str, port: int, given: Mapping[str, object], took: Mapping[Phase, float]
) -> dict[Phase, list[_Line]]:
    memory, tp = s.memory, s.tensor_parallel_size
    worker: Process = "Worker" if tp > 1 else "EngineCore"
    shards = max(1, ceil(disk_bytes / _SHARD_BYTES))
    logo: list[_Line] = [
        ("APIServer", "api_utils.py:347", row.format(version=s.version, model=s.model)) for row in _LOGO
    ]
    fetched: list[_Line] = [
        (
            worker,
            "weight_utils.py:533",
            f"Time spent downloading weights for {s.model}: {took['download']:.6f} seconds",
        )
    ]
    tools: list[_Line] = [("APIServer", "parser_manager.py:37", '"auto" tool choice has been enabled.')]
    return {
        # Python's imports: nothing is printed until the first line of the next phase.
        "boot": [],
        "config": [
            *logo,
            ("APIServer", "api_utils.py:286", f"non-default args: {json.dumps(dict(given), default=str)}"),
            ("APIServer", "model.py:733", "Resolved architecture: NemotronHForCausalLM"),
            ("APIServer", "model.py:2152", f"Using max model len {s.max_model_len}"),
            (
                "APIServer",
                "scheduler.py:252",
                f"Chunked prefill is enabled with max_num_batched_tokens={s.max_num_batched_tokens}.",
            ),
            ("APIServer", "config.py:728", "Updating mamba_ssm_cache_dtype to 'float32' for NemotronH model"),
            (
                "APIServer",
                "config.py:688",
                "Mamba cache mode is set to 'align' for NemotronHForCausalLM by default when prefix caching is enabled",
            ),
            ("APIServer", "vllm.py:1006", "Asynchronous scheduling is enabled."),
        ],
        "engine": [
            (
                "EngineCore",
                "core.py:133",
                f"Initializing a V1 LLM engine (v{s.version}) with config: model='{s.model}', "
                f"speculative_config=None, tokenizer='{s.model}', dtype=torch.bfloat16, "
                f"max_seq_len={s.max_model_len}, tensor_parallel_size={tp}",
            ),
            *[
                (
                    worker,
                    "parallel_state.py:1906",
                    f"world_size={tp} rank={rank} local_rank={rank} "
                    "distributed_init_method=tcp://127.0.0.1:35453 backend=nccl",
                )
                for rank in range(tp)
            ],
            (worker, "gpu_worker.py:310", "Using V2 Model Runner"),
        ],
        # As silent as vLLM's: the model cache is what tells.
        "download": [
            (worker, "model_runner.py:360", "Loading model from scratch..."),
        ],
        "weights": [
            *(fetched if took["download"] else ()),
            (worker, "cuda.py:480", "Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN']."),
            (
                worker,
                "weight_utils.py:1108",
                f"Filesystem type for checkpoints: EXT4. Checkpoint size: {_gib(disk_bytes)} GiB.",
            ),
            *_bars("Loading safetensors checkpoint shards", shards, took["weights"], completed=True),
            (worker, "default_loader.py:501", f"Loading weights took {took['weights'] * 0.95:.2f} seconds"),
        ],
        "compile": [
            (
                worker,
                "model_runner.py:425",
                f"Model loading took {_gib(memory.weights)} GiB memory and {took['weights']:.6f} seconds",
            ),
            (
                worker,
                "interface.py:773",
                f"Setting attention block size to {memory.block_tokens} tokens to ensure that attention page size is "
                ">= mamba page size.",
            ),
            (
                worker,
                "backends.py:1089",
                "Using cache directory: /root/.cache/vllm/torch_compile_cache/b1cafc4773/rank_0_0/backbone "
                "for vLLM's torch.compile",
            ),
            (worker, "backends.py:1167", f"Dynamo bytecode transform time: {took['compile'] * 0.4:.2f} s"),
            (
                worker,
                "backends.py:393",
                f"Compiling a graph for compile range (1, {s.max_num_batched_tokens}) takes "
                f"{took['compile'] * 0.35:.2f} s",
            ),
        ],
        "kernels": [
            (worker, "monitor.py:53", f"torch.compile took {took['compile']:.2f} s in total"),
            (worker, "mamba_mixer2.py:578", "Warming up Mamba2 SSD Triton kernels..."),
            (worker, "monitor.py:81", f"Initial profiling/warmup run took {took['kernels'] * 0.8:.2f} s"),
            (worker, "ssu_dispatch.py:635", "Using triton Mamba SSU backend."),
        ],
        "kv_cache": [
            (worker, "gpu_worker.py:760", f"Available KV cache memory: {_gib(memory.pool)} GiB"),
            (
                "EngineCore",
                "kv_cache_utils.py:2327",
                f"GPU KV cache size: {s.kv_cache_tokens:,} tokens, Maximum concurrency for {s.max_model_len:,} "
                f"tokens per request: {memory.live_requests(s.max_model_len):.2f}x",
            ),
        ],
        "graphs": [
            *_bars("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE)", 35, took["graphs"] * 0.6),
            *_bars("Capturing CUDA graphs (decode, FULL)", 19, took["graphs"] * 0.4),
            (
                worker,
                "model_runner.py:1128",
                f"Graph capturing finished in {took['graphs']:.0f} secs, took 0.70 GiB",
            ),
        ],
        "serve": [
            (
                "EngineCore",
                "core.py:402",
                "init engine (profile, create kv cache, warmup model) took "
                f"{sum(took[p] for p in ('compile', 'kernels', 'kv_cache', 'graphs')):.2f} s "
                f"(compilation: {took['compile']:.2f} s)",
            ),
            ("APIServer", "entry.py:136", "Supported tasks: ['generate']"),
            *(tools if s.tool_parser else ()),
            ("APIServer", "entry.py:140", f"Starting vLLM server on http://{host}:{port}"),
            ("APIServer", "launcher.py:186", "Available routes are:"),
            *[("APIServer", "launcher.py:195", f"Route: {path}, Methods: {method}") for path, method in _ROUTES],
        ],
    }


def _bars(title: str, count: int, seconds: float, *, completed: bool = False) -> list[_Line]:
    """The states of a tqdm bar, 0 to `count`."""
    lines: list[_Line] = []
    for done in range(count + 1):
        percent, spent = 100 * done // count, seconds * done / count
        rate = f"{seconds / count:.2f}s/it" if done else "?it/s"
        clock = f"[{_clock(spent)}<{_clock(seconds - spent) if done else '?'}, {rate}]"
        filled = "" if completed else "█" * (done * 10 // count) + " " * (10 - done * 10 // count) + "|"
        shown = f"{percent:3d}% Completed | " if completed else f"{percent:3d}%|{filled} "
        lines.append(("", "", f"{title}: {shown}{done}/{count} {clock}"))
    return lines


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _gib(size: int) -> str:
    return f"{size / GIB:.2f}"
