"""The command of vLLM's own tool for the same shape, and its run in a container."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import FailedError
from nemotui.core.logs import LogLine
from nemotui.core.model_server import ServedModel
from nemotui.core.ports import Container, ContainerRuntime
from nemotui.core.vllm_bench import figures, measure_with_vllm, vllm_bench_command

pytestmark = pytest.mark.anyio

SPEC = BenchSpec(base_url="http://127.0.0.1:8000/v1", input_len=8192, output_len=1024, num_prompts=512, seed=7)
MODEL = ServedModel(id="nemotron-super", root="nvidia/x-FP8")
CONTAINER = Container(id="c0ffee", name="nemotui", image="x", state="running", labels={}, args=("m", "--port", "9000"))


def option(argv: Sequence[str], name: str) -> str | None:
    return argv[argv.index(name) + 1] if name in argv else None


def test_the_command_has_the_right_backend_the_seed_and_the_mode() -> None:
    argv = vllm_bench_command(SPEC, MODEL)
    assert argv[:3] == ["vllm", "bench", "serve"]
    asked = {
        "--backend": "openai-chat",
        "--endpoint": "/v1/chat/completions",
        "--base-url": "http://127.0.0.1:8000",
        "--model": "nvidia/x-FP8",
        "--served-model-name": "nemotron-super",
        "--random-input-len": "8192",
        "--random-output-len": "1024",
        "--num-prompts": "512",
        "--request-rate": "inf",
        "--seed": "7",
    }
    assert {name: option(argv, name) for name in asked} == asked
    assert json.loads(option(argv, "--extra-body") or "") == {"chat_template_kwargs": {"enable_thinking": True}}
    assert "--ignore-eos" in argv
    assert {"--max-concurrency", "--burstiness", "--trust-remote-code"}.isdisjoint(argv)


def test_an_open_loop_of_completions() -> None:
    spec = BenchSpec(base_url="http://h", request_rate=2.5, burstiness=0.5, max_concurrency=9, endpoint="completions")
    argv = vllm_bench_command(spec, ServedModel(id="m"), trust_remote_code=True)
    assert [option(argv, f"--{name}") for name in ("backend", "request-rate", "burstiness", "max-concurrency")] == [
        "openai",
        "2.5",
        "0.5",
        "9",
    ]
    assert (option(argv, "--model"), option(argv, "--extra-body")) == ("m", None)
    assert argv[-1] == "--trust-remote-code"


class Engine:
    """A runtime whose `execute` says what it is given."""

    def __init__(self, *lines: LogLine) -> None:
        self._lines = lines
        self.ran: tuple[str, Sequence[str], Mapping[str, str]] | None = None

    async def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        self.ran = container_id, argv, environment
        yield self._lines


async def measured(engine: Engine) -> dict[str, Any]:
    return await measure_with_vllm(cast(ContainerRuntime, engine), CONTAINER, SPEC, MODEL, "sk-secret")


async def test_it_runs_inside_and_its_result_is_read() -> None:
    document = {"output_throughput": 1100.5, "mean_ttft_ms": 4500.0, "date": "x", "errors": [], "ok": True}
    lines = [LogLine(line, None, "stdout") for line in json.dumps(document, indent=4).splitlines()]
    engine = Engine(LogLine("100%", None, "stderr"), *lines)
    assert await measured(engine) == {"output_throughput": 1100.5, "mean_ttft_ms": 4500.0}
    assert engine.ran is not None
    container, argv, environment = engine.ran
    assert (container, environment) == ("c0ffee", {"OPENAI_API_KEY": "sk-secret"})
    assert option(argv, "--base-url") == "http://127.0.0.1:9000"
    assert "sk-secret" not in " ".join(argv)


async def test_its_last_words_say_why_there_is_no_result() -> None:
    with pytest.raises(FailedError, match="gave no result: sh: 1: vllm: not found"):
        await measured(Engine(LogLine("sh: 1: vllm: not found", None, "stderr")))


@pytest.mark.parametrize("document", [[], {}, None, {"completed": 3}])
def test_what_is_no_result_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="no result"):
        figures(document)
