"""The engine restarted while a start is followed: an engine of this test's own, since it ends what runs on it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.docker import DockerEngine
from nemotui.adapters.vllm import VllmServer
from nemotui.core.deploy import LogBatch, follow_start
from nemotui.core.failed import Failed
from nemotui.core.plan import LABEL, ContainerSpec, Volume
from tests.real import image
from tests.real.engine import own_engine
from tests.real.parts import require

pytestmark = [pytest.mark.real, pytest.mark.anyio]

# It counts until it is told to stop.
COUNTS = """
import itertools, os, time
for number in itertools.count():
    print(number, flush=True)
    time.sleep(0.05)
    if os.path.exists("/data/stop"):
        break
"""


@pytest.fixture
def own() -> Iterator[Callable[..., str]]:
    require("docker engine")  # where there is one, another can be started
    with own_engine() as run:
        yield run


@pytest.mark.parametrize("survives", [True, False], ids=["live-restore", "without"])
async def test_the_engine_is_restarted_while_we_follow(
    own: Callable[..., str], port: int, tmp_path: Path, survives: bool
) -> None:
    import docker

    flags = ("--live-restore",) if survives else ("--shutdown-timeout", "1")
    host = own("start", *flags)
    base, tag = (f"nemotui-test/{name}:{uuid.uuid4().hex[:8]}" for name in ("base", "counts"))
    with contextlib.closing(docker.DockerClient(base_url=host, timeout=300)) as client:
        image.build(client, base)
        image.build_script(client, base, tag, COUNTS)
    engine = DockerEngine({"DOCKER_HOST": host})
    volumes = (Volume(source=str(tmp_path), target="/data", read_only=True),)
    spec = ContainerSpec(name="counts", image=tag, args=(), port=port, labels=((LABEL, "counts"),), volumes=volumes)
    container = await engine.start(spec)
    server = VllmServer(f"http://127.0.0.1:{port}")

    numbers: list[str] = []
    last, restarted = None, None
    async with aclosing(follow_start(engine, server, container, SystemClock())) as events:
        async for event in events:
            last = event
            if isinstance(event, LogBatch):
                numbers += [line.text for line in event.lines]
            if len(numbers) >= 10 and restarted is None:
                restarted = asyncio.create_task(asyncio.to_thread(own, "restart", *flags))
                restarted.add_done_callback(lambda _: (tmp_path / "stop").touch())
    await server.close()
    assert restarted is not None
    await restarted

    assert isinstance(last, Failed)
    counted = [int(word) for word in numbers if word.isdecimal()]
    assert counted == sorted(set(counted))  # none twice
    if survives:
        assert numbers == [str(number) for number in range(len(numbers))]  # none lost
        logged = [line async for batch in engine.logs(container.id, follow=False) for line in batch]
        assert len(numbers) == len(logged) > 10
    # An engine that ends may put words of its own at the end of a log, and keep back the last lines.
    assert last.kind == ("stopped" if survives else "engine_stopped")
    await engine.remove(container.id)
