"""Whole logs of failed starts: those that were captured, with another root cause in each place where theirs stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nemotui.core.logs import LogLine
from tests.core.logfiles import captured, written

_ON_A_GPU = "h200-vllm-0.24-failed-flashinfer.log"
_ON_A_GPU_ROOT = "ModuleNotFoundError: No module named 'flashinfer'"
_OF_A_WORKER = "vllm-cpu-failed-startup-moe.log"
_OF_A_WORKER_ROOT = "NotImplementedError: is_act_and_mul=False is supported only for CUDA, XPU and ROCm for now"
_BEFORE_THE_ENGINE = "Initializing a V1 LLM engine"
_API = "(APIServer pid=1) "
_API_TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/usr/local/bin/vllm", line 10, in <module>',
    "    sys.exit(main())",
    "             ^^^^^^",
    '  File "/usr/local/lib/python3.12/dist-packages/vllm/entrypoints/openai/api_server.py", line 663, in run_server',
    "    await run_server_worker(listen_address, sock, args, **uvicorn_kwargs)",
)


def of_the_engine(root: str) -> list[LogLine]:
    """One GPU: the engine's traceback at ERROR, the same once more bare, then the API server's generic tail."""
    return list(_with_root(captured(_ON_A_GPU), _ON_A_GPU_ROOT, root))


def of_a_worker(root: str) -> list[LogLine]:
    """Several GPUs: the worker's traceback, the engine's that points at it, the API server's that points at that."""
    return list(_with_root(captured(_OF_A_WORKER), _OF_A_WORKER_ROOT, root))


def after_loading(root: str) -> list[LogLine]:
    """The engine's, where it dies with the weights loaded: everything before is a healthy start's."""
    healthy = captured("h200-vllm-0.24-fp8-startup.log")
    end = next(i for i, line in enumerate(healthy) if "Available KV cache memory" in line.text)
    broken = of_the_engine(root)
    begin = next(i for i, line in enumerate(broken) if "EngineCore failed to start" in line.text)
    return healthy[: end + 1] + broken[begin:]


def of_the_api_server(root: str) -> list[LogLine]:
    """Before there is an engine: what the API server wrote so far, and its bare traceback."""
    start = captured(_ON_A_GPU)
    end = next(i for i, line in enumerate(start) if _BEFORE_THE_ENGINE in line.text)
    return start[:end] + [LogLine(_API + text, start[end].time) for text in (*_API_TRACEBACK, root)]


def of_the_configuration(words: str) -> list[LogLine]:
    """As pydantic tells it: the message is the second line of the error, with a hint below."""
    lines = of_the_api_server("pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig")
    at = lines[-1].time
    hint = "    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
    value = f"  Value error, {words} [type=value_error, input_value=ArgsKwargs((), {{'mod...}}), input_type=ArgsKwargs]"
    return [*lines, LogLine(_API + value, at), LogLine(_API + hint, at)]


def of_the_arguments(words: str) -> list[LogLine]:
    """The parser of the command line: its usage, then one line."""
    usage = "usage: vllm serve [model_tag] [options]\n\nFor full list:            vllm serve --help=all"
    return written(f"{usage}\nvllm serve: error: {words}")


def with_a_warning(log: list[LogLine], text: str) -> list[LogLine]:
    """The same log, with this line in its middle."""
    middle = len(log) // 2
    return [*log[:middle], replace(log[middle], text=text), *log[middle:]]


def _with_root(log: list[LogLine], old: str, new: str) -> Iterator[LogLine]:
    found = False
    for line in log:
        found = found or old in line.text
        yield replace(line, text=line.text.replace(old, new))
    assert found, f"{old} is not in the captured log"
