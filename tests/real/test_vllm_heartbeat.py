"""The heartbeat on a real vLLM (CPU): at rest and at work it does not hang; with its engine process stopped it does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import docker
import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.docker import DockerEngine
from nemotui.adapters.vllm import VllmServer
from nemotui.core.watch import ServerSample, watch_server
from tests.real.parts import require
from tests.real.test_vllm_journey import DEPLOY, EAGER, Shell

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

WATCHED_S = 25.0  # more than twice as long as a hung engine is given
KNOWN_WITHIN_S = 15.0


@pytest.fixture
def deployed(tmp_path: Path, name: str, port: int) -> str:
    require("docker engine")
    done = Shell(tmp_path, port)("deploy", *DEPLOY, "--name", name, "--port", str(port), *EAGER)
    assert done.returncode == 0, done.stderr
    return f"http://127.0.0.1:{port}"


async def watched(samples: AsyncGenerator[ServerSample, None], seconds: float) -> list[ServerSample]:
    until = time.monotonic() + seconds
    seen = []
    while time.monotonic() < until:
        seen.append(await anext(samples))
    return seen


@contextlib.asynccontextmanager
async def at_work(url: str, requests: int) -> AsyncIterator[None]:
    """So many long answers at once, each asked for anew when it ends; no two end together."""
    server = VllmServer(url)
    body = {"model": "nemotron-super", "messages": [{"role": "user", "content": "go on"}], "stream": True}

    async def ask(tokens: int) -> None:
        while True:
            async with aclosing(server.chat({**body, "max_tokens": tokens, "ignore_eos": True})) as chunks:
                async for _ in chunks:
                    pass

    asking = [asyncio.create_task(ask(3_000 - 100 * number)) for number in range(requests)]
    try:
        yield
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await server.close()


def engine_process(name: str) -> int:
    """The process of the container that computes, by its number on this host."""
    with contextlib.closing(docker.from_env()) as client:
        top = client.containers.get(name).top(ps_args="-eo pid,args")
    return next(int(pid) for pid, *words in top["Processes"] if "EngineCore" in " ".join(words))


async def test_rest_work_and_a_stopped_engine(deployed: str, name: str) -> None:
    async with aclosing(watch_server(DockerEngine(), VllmServer, deployed, SystemClock())) as samples:
        idle = await watched(samples, WATCHED_S)
        assert all(sample.serving and not sample.hung and sample.vitals.busy is False for sample in idle[1:])
        assert idle[-1].vitals.idle_s is not None
        assert idle[-1].vitals.idle_s > WATCHED_S / 2

        async with at_work(deployed, 8):
            busy = await watched(samples, WATCHED_S)
            told = [sample.vitals for sample in busy if sample.vitals.busy is not None]  # busy, it may miss a look
            assert told[-1].busy
            assert told[-1].generation_throughput
            assert all(sample.serving and not sample.hung for sample in busy)

            pid = engine_process(name)
            os.kill(pid, signal.SIGSTOP)
            try:
                stopped = time.monotonic()
                hung = [sample async for sample in until_hung(samples)][-1]
                took = time.monotonic() - stopped
                print(f"\nhung after {took:.1f} s, stalled for {hung.vitals.stalled_s:.1f} s, /health 200")
                assert took < KNOWN_WITHIN_S
            finally:
                os.kill(pid, signal.SIGCONT)
            await watched(samples, 6.0)
            assert not (await anext(samples)).hung


async def until_hung(samples: AsyncGenerator[ServerSample, None]) -> AsyncGenerator[ServerSample, None]:
    async for sample in samples:
        yield sample
        if sample.hung:
            return
