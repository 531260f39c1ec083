"""The same measurement with vLLM's own tool: the command to paste, and its run in the server's container."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from nemotui.core.bench import BenchSpec
from nemotui.core.chat import template_kwargs
from nemotui.core.errors import FailedError
from nemotui.core.model_server import ServedModel
from nemotui.core.ports import Container, ContainerRuntime
from nemotui.core.serve_args import port_of

_PATHS = {"chat": ("openai-chat", "/v1/chat/completions"), "completions": ("openai", "/v1/completions")}
_FILE = "nemotui-vllm-bench.json"
# The key goes by environment. Standard output is left to the result alone, in lines of a length that is not cut.
_SCRIPT = (
    f'"$@" --save-result --result-dir /tmp --result-filename {_FILE} >&2'
    f" && python3 -m json.tool /tmp/{_FILE} && rm /tmp/{_FILE}"
)


def vllm_bench_command(spec: BenchSpec, model: ServedModel, *, trust_remote_code: bool = False) -> list[str]:
    """`vllm bench serve` for the same shape; a key is taken from its environment, OPENAI_API_KEY.

    The published guide's command leaves out the backend, so that it posts a `prompt` to the chat endpoint and every
    request fails; the seed, the sampling and the mode are those of our run.
    """
    backend, path = _PATHS[spec.endpoint]
    options: dict[str, object] = {
        "backend": backend,
        "endpoint": path,
        "base-url": spec.server,
        "model": model.root or model.id,
        "served-model-name": model.id,
        "dataset-name": "random",
        "random-input-len": spec.input_len,
        "random-output-len": spec.output_len,
        "num-prompts": spec.num_prompts,
        "max-concurrency": spec.max_concurrency,
        "request-rate": spec.request_rate or "inf",
        "burstiness": spec.burstiness if spec.open_loop else None,
        "seed": spec.seed,
        "num-warmups": spec.warmup or None,
        "temperature": 1.0,
        "top-p": 0.95,
        "percentile-metrics": "ttft,tpot,itl,e2el",
        "metric-percentiles": "50,90,95,99",
    }
    if spec.endpoint == "chat":
        options["extra-body"] = json.dumps({"chat_template_kwargs": template_kwargs(spec.mode)})
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return ["vllm", "bench", "serve", *words, "--ignore-eos", *(["--trust-remote-code"] if trust_remote_code else [])]


async def measure_with_vllm(
    runtime: ContainerRuntime, container: Container, spec: BenchSpec, model: ServedModel, api_key: str | None
) -> dict[str, Any]:
    """The figures of `vllm bench serve`, run inside the container on the server that it serves.

    Raises `FailedError` with its last words where it ends without a result.
    """
    inside = replace(spec, base_url=f"http://127.0.0.1:{port_of(container.args) or 8000}")
    trust = "--trust-remote-code" in container.args
    command = ["sh", "-c", _SCRIPT, "sh", *vllm_bench_command(inside, model, trust_remote_code=trust)]
    environment = {"OPENAI_API_KEY": api_key} if api_key else {}
    output, words = [], ""
    async with aclosing(runtime.execute(container.id, command, environment)) as batches:
        async for batch in batches:
            output += [line.text for line in batch if line.stream == "stdout"]
            words = next((line.text for line in reversed(batch) if line.text and line.stream == "stderr"), words)
    try:
        return figures(json.loads("".join(output)))
    except ValueError:
        raise FailedError(
            "vllm_bench",
            f"vllm bench serve gave no result: {words or 'it said nothing'}",
            "Run it by hand: c copies it.",
        ) from None


def figures(document: object) -> dict[str, Any]:
    """The numbers of a result of `vllm bench serve --save-result`, by name. Raises `ValueError` for anything else."""
    if not isinstance(document, dict) or "output_throughput" not in document:
        raise ValueError("no result of vllm bench")
    return {str(k): v for k, v in document.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
