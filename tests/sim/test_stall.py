"""An engine that hangs behind a healthy server is known by its heartbeat; one that works or rests is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.vllm import VllmServer
from nemotui.core.ports import Container
from nemotui.core.vitals import HUNG_AFTER_S
from nemotui.core.watch import ServerSample, take_pulse, watch_server
from tests.sim.conftest import running_server

pytestmark = pytest.mark.anyio


class Hasty(SystemClock):
    """Four times as fast: a silence that is long to it passes soon."""

    def monotonic(self) -> float:
        return 4 * super().monotonic()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 4)


class NoContainers:
    async def containers(self) -> Sequence[Container]:
        return ()


async def chat(server: VllmServer, tokens: int) -> None:
    body = {"model": "nemotron-super", "messages": [{"role": "user", "content": "go on"}], "stream": True}
    async with aclosing(server.chat({**body, "max_tokens": tokens, "ignore_eos": True})) as chunks:
        async for _ in chunks:
            pass


async def until(samples: AsyncGenerator[ServerSample, None], what: str) -> list[ServerSample]:
    """The samples up to the first that hangs, or that has no work."""
    seen = []
    async for sample in samples:
        seen.append(sample)
        if sample.hung if what == "hung" else not sample.vitals.busy:
            return seen
    raise AssertionError("the watcher has ended")


async def test_a_stall_is_called_by_its_name_while_health_says_200() -> None:
    async with running_server(stall_after_s=1.0, speed=1.0) as pretend:
        server, clock = VllmServer(pretend.base_url), Hasty()
        watcher = watch_server(NoContainers(), VllmServer, pretend.base_url, clock)  # type: ignore[arg-type]
        asked = asyncio.create_task(chat(server, 10_000))
        try:
            async with aclosing(watcher):
                seen = await until(watcher, "hung")
            assert not any(sample.hung for sample in seen[:-1])
            assert seen[-1].serving
            assert seen[-1].vitals.stalled_s >= HUNG_AFTER_S
            assert await server.healthy()
            assert (await take_pulse(server, clock))[1]
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await server.close()


async def test_one_that_works_and_then_rests_is_not() -> None:
    async with running_server(speed=1.0) as pretend:
        server, clock = VllmServer(pretend.base_url), SystemClock()
        watcher = watch_server(NoContainers(), VllmServer, pretend.base_url, clock)  # type: ignore[arg-type]
        asked = asyncio.create_task(chat(server, 200))
        try:
            async with aclosing(watcher):
                await anext(watcher)
                vitals, hung = await take_pulse(server, clock)
                assert (vitals.busy, hung) == (True, False)
                seen = await until(watcher, "rest")
                assert not any(sample.hung for sample in seen)
            await asked
            vitals, hung = await take_pulse(server, clock)
            assert (vitals.busy, hung, len(vitals.looks)) == (False, False, 1)
        finally:
            asked.cancel()
            await server.close()
