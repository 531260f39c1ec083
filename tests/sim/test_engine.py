"""The pretend engine with real child processes: from a spec to a server that answers, and to its end."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.logs import LogLine
from nemotui.core.plan import ContainerSpec, Plan, container_spec
from nemotui.core.ports import Container
from nemotui.sim.engine import PretendEngine
from nemotui.sim.machines import load_machine
from nemotui.sim.probe import PretendProbe
from tests.ports import free_port

pytestmark = pytest.mark.anyio

IMAGE = "vllm/vllm-openai:v0.33.0"


def spec(profile: str = "2xh100", **changes: object) -> ContainerSpec:
    plan = Plan(
        name="nemotron",
        image=IMAGE,
        model="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
        served_model_name="nemotron-super",
        tensor_parallel_size=2,
        gpus=tuple(gpu.uuid for gpu in load_machine(profile).gpus[:2]),
        max_model_len=32768,
        max_num_seqs=64,
        port=free_port(),
    )
    return container_spec(replace(plan, **changes))  # type: ignore[arg-type]


@pytest.fixture
async def engine() -> AsyncIterator[PretendEngine]:
    engine = PretendEngine("2xh100", SystemClock(), speed=50, start_seconds=0.5)
    yield engine
    await engine.close()


async def until(engine: PretendEngine, container: Container, words: str) -> list[LogLine]:
    """The log so far, once these words are in it or it has ended."""
    found: list[LogLine] = []
    async with asyncio.timeout(60), aclosing(engine.logs(container.id, follow=True)) as batches:
        async for batch in batches:
            found += batch
            if any(words in line.text for line in batch):
                break
    return found


async def test_from_the_start_to_an_answer_and_the_end(engine: PretendEngine) -> None:
    wanted = spec()
    container = await engine.start(wanted)
    assert (container.state, container.name, container.args) == ("running", "nemotron", wanted.args)
    assert list(await engine.containers()) == [container]

    # Two readers see the same lines, each at its own time.
    one, two = await asyncio.gather(*(until(engine, container, "Application startup complete") for _ in range(2)))
    assert one == two
    assert all(line.time is not None for line in one)
    assert {line.stream for line in one} == {"stdout", "stderr"}
    shards = [line.text for line in one if "safetensors" in line.text]
    assert len(shards) == 27  # a line for every state of the bar, without its carriage returns
    assert not any("\r" in line.text or not line.text for line in one)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{wanted.port}", trust_env=False) as client:
        models = (await client.get("/v1/models")).json()["data"]
        assert [(m["id"], m["max_model_len"]) for m in models] == [("nemotron-super", 32768)]
        probe = PretendProbe("2xh100", SystemClock(), engine)
        serving = await probe.sample()
        await probe.close()
        assert all((gpu.memory_used_bytes or 0) > 70e9 for gpu in serving.gpus)

    await engine.stop(container.id, grace_s=20)
    ended = await engine.inspect(container.id)
    assert (ended.state, ended.exit_code) == ("exited", 0)
    assert ended.finished_at is not None
    whole = await until(engine, container, "no such words: read to the end")
    assert "[shutdown] API server: shutdown triggered" in "\n".join(line.text for line in whole)
    assert [batch async for batch in engine.logs(container.id, follow=False, tail=3)] == [tuple(whole[-3:])]
    later = whole[-1].time or 0.0
    assert [b async for b in engine.logs(container.id, follow=False, since=later)] == [
        tuple(line for line in whole if (line.time or 0.0) >= later)
    ]

    await engine.remove(container.id)
    assert list(await engine.containers()) == []
    with pytest.raises(NothingThereError):
        await engine.inspect(container.id)


async def test_a_start_that_fails_exits_with_1_and_its_reason_in_the_log(engine: PretendEngine) -> None:
    container = await engine.start(spec(max_num_seqs=2000))
    log = await until(engine, container, "no such words: read to the end")
    assert any("exceeds available Mamba cache blocks" in line.text for line in log)
    assert (await engine.inspect(container.id)).exit_code == 1


async def test_a_server_is_stopped_in_the_middle_of_its_start() -> None:
    engine = PretendEngine("2xh100", SystemClock(), start_seconds=60)
    container = await engine.start(spec())
    await until(engine, container, "Initializing")
    await engine.stop(container.id, grace_s=20)
    assert (await engine.inspect(container.id)).state == "exited"
    await engine.close()


async def test_refusals_have_the_kinds_of_the_real_engine(engine: PretendEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(FailedError) as caught:
            await engine.start(spec(port=taken.getsockname()[1]))
        assert caught.value.problem.kind == "port_taken"
    with pytest.raises(FailedError) as caught:
        await engine.start(spec(gpus=("GPU-none",)))
    assert caught.value.problem.kind == "hook_failed"
    await engine.start(spec())
    with pytest.raises(FailedError) as caught:
        await engine.start(spec())
    assert caught.value.problem.kind == "name_taken"
    no_gpus = PretendEngine("none", SystemClock())
    with pytest.raises(FailedError) as caught:
        await no_gpus.start(spec())
    assert caught.value.problem.kind == "no_nvidia_toolkit"
    assert not (await no_gpus.info()).nvidia_runtime
    with pytest.raises(UsageError):
        PretendEngine("3xh100", SystemClock())


async def test_an_image_is_pulled_once() -> None:
    engine = PretendEngine("2xh100", SystemClock(), start_seconds=0)
    assert not await engine.has_image(IMAGE)
    progress = [step async for step in engine.pull(IMAGE)]
    assert progress[0].total_bytes is None
    assert [p.current_bytes for p in progress] == sorted(p.current_bytes for p in progress)
    assert progress[-1].current_bytes == progress[-1].total_bytes
    assert await engine.has_image(IMAGE)


async def test_the_server_ends_with_whoever_started_it() -> None:
    read, write = os.pipe()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemotui.sim", "serve", "--port", str(free_port())),
        *("--start-seconds", "60", "--exit-with-parent"),
        stdin=read,
        stdout=asyncio.subprocess.DEVNULL,
    )
    os.close(read)
    os.close(write)
    async with asyncio.timeout(60):
        assert await child.wait() == 0


async def test_a_wrong_flag_is_one_line_and_exit_2() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemotui.sim", "serve", "--profile", "3xh100"), stderr=asyncio.subprocess.PIPE
    )
    _, told = await child.communicate()
    assert child.returncode == 2
    assert told.decode().startswith("there is no pretend machine '3xh100'. Did you mean ")
