"""A pretend server over real HTTP, in this process, fifty times faster than the machine that it pretends to be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvicorn

from nemotui.sim.api import Api
from nemotui.sim.arguments import parse
from nemotui.sim.server import create_app
from nemotui.sim.settings import ServerSettings

SETTINGS: ServerSettings = parse(
    [
        *("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", "--served-model-name", "nemotron-super", "nemotron-alias"),
        *("--tensor-parallel-size", "2", "--max-model-len", "16384", "--reasoning-parser", "nemotron_v3"),
        *("--enable-auto-tool-choice", "--tool-call-parser", "qwen3_coder", "--speed", "50"),
    ],
    environment={},
).settings


@dataclass(frozen=True, slots=True)
class PretendServer:
    """Where it listens, and what is behind it."""

    base_url: str
    api: Api


@contextlib.asynccontextmanager
async def running_server(settings: ServerSettings = SETTINGS, **changes: Any) -> AsyncIterator[PretendServer]:
    """A server with these settings on a free port of the loopback, until the block ends."""
    api = Api(replace(settings, **changes))
    server = uvicorn.Server(
        uvicorn.Config(create_app(api), host="127.0.0.1", port=0, http="httptools", log_config=None, lifespan="on")
    )
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield PretendServer(f"http://127.0.0.1:{port}", api)
    finally:
        api.engine.abort_all()
        server.should_exit = True
        await task


@pytest.fixture
async def pretend_server() -> AsyncIterator[PretendServer]:
    """The default one: 2×H100 FP8 at speed 50."""
    async with running_server() as server:
        yield server
