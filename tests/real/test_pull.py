"""Image and weights ahead of time, on a real engine: through a real registry, broken off and taken up again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.docker import DockerEngine
from nemotui.core.deploy import pull_image
from nemotui.core.errors import FailedError
from nemotui.core.plan import FETCH_LABEL
from tests.cli.conftest import INTERRUPTIBLE
from tests.real import hub
from tests.real.parts import require
from tests.real.registry import Line, registry
from tests.real.terminal import console
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.anyio]

BYTES_PER_S, LARGE = 8 * hub.MIB, 16 * hub.MIB


@pytest.fixture(scope="module")
def hub_image(docker_client: DockerClient, server_image: str) -> Iterator[str]:
    tag = f"nemotui-test/hub:{uuid.uuid4().hex[:8]}"
    hub.build(docker_client, server_image, tag)
    yield tag
    docker_client.images.remove(tag, force=True)


@pytest.fixture
def remote(docker_client: DockerClient, tmp_path: Path) -> Iterator[tuple[str, Line]]:
    """An image of several layers that only the registry has, at the far end of a slow line that breaks once."""
    require("docker-registry")
    tag = uuid.uuid4().hex[:8]
    files = {**{f"small{number}": os.urandom(1000) for number in range(4)}, "large": os.urandom(LARGE)}
    dockerfile = "\n".join(["FROM scratch", *(f"COPY {file} /{file}" for file in files)])
    files["Dockerfile"] = dockerfile.encode()
    with registry(tmp_path, bytes_per_s=BYTES_PER_S, breaks_at=LARGE // 2) as (fast, line):
        here, there = f"{fast}/vllm/vllm-openai:{tag}", f"{line.address}/vllm/vllm-openai:{tag}"
        docker_client.images.build(fileobj=hub.context(files), custom_context=True, tag=here, rm=True)
        docker_client.images.push(here)
        docker_client.images.remove(here, force=True)
        yield there, line
        with contextlib.suppress(ImageNotFound):
            docker_client.images.remove(there, force=True)


async def test_a_pull_tells_layers_and_bytes_and_goes_on_after_the_line_broke(remote: tuple[str, Line]) -> None:
    image, line = remote
    engine = DockerEngine()

    async with aclosing(pull_image(engine, image, SystemClock())) as pull:
        events = [event async for event in pull]

    assert await engine.has_image(image)
    assert line.breaks_at is None  # it did break
    assert line.sent < LARGE * 5 // 4  # and what had arrived was not sent again
    whole = events[-1].progress
    assert all(layer.step == "done" for layer in whole.layers)
    assert whole.total_bytes is not None
    assert whole.current_bytes == whole.total_bytes > LARGE
    assert any(event.bytes_per_s and event.eta_s is not None for event in events)
    steps = {layer.step for event in events for layer in event.progress.layers}
    assert steps >= {"waiting", "downloading", "extracting", "done"}


async def test_a_pull_that_was_left_can_be_begun_again(remote: tuple[str, Line]) -> None:
    image, _ = remote
    engine = DockerEngine()
    async with aclosing(pull_image(engine, image, SystemClock())) as pull:
        async for event in pull:
            if event.progress.current_bytes:
                break
    assert not await engine.has_image(image)

    async with aclosing(pull_image(engine, image, SystemClock())) as pull:
        async for _ in pull:
            pass

    assert await engine.has_image(image)


async def test_a_tag_that_the_registry_lacks(remote: tuple[str, Line]) -> None:
    with pytest.raises(FailedError) as raised:
        async for _ in DockerEngine().pull(f"{remote[0]}-none"):
            pass

    assert raised.value.problem.kind == "image_missing"


def pull_words(image: str, model: str) -> list[str]:
    return [*INTERRUPTIBLE, "pull", "--json", "--no-gpu", "--image", image, "--model-path", model]


def environ(cache: Path) -> dict[str, str]:
    return {**os.environ, "NEMOTUI_HF_CACHE": str(cache), "NEMOTUI_STATE_DIR": str(cache / "state"), "HF_TOKEN": "hf_x"}


async def pulled(image: str, model: str, cache: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run it to its end."""
    process = await asyncio.create_subprocess_exec(
        *pull_words(image, model), stdout=subprocess.PIPE, env=environ(cache)
    )
    out, _ = await process.communicate()
    return process.returncode or 0, [json.loads(line) for line in out.splitlines()]


def fetchers(client: DockerClient, model: str) -> list[Any]:
    return client.containers.list(all=True, filters={"label": f"{FETCH_LABEL}={model}"})


async def begun(image: str, cache: Path) -> asyncio.subprocess.Process:
    """A pull of which the first bytes are there."""
    process = await asyncio.create_subprocess_exec(
        *pull_words(image, hub.REPO), stdout=subprocess.PIPE, env=environ(cache)
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if json.loads(line).get("held_bytes"):
            return process
    raise AssertionError("the download has ended before it was seen")


async def test_weights_arrive_and_a_pull_that_was_broken_off_goes_on(
    hub_image: str, docker_client: DockerClient, tmp_path: Path
) -> None:
    process = await begun(hub_image, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    last = json.loads((await process.stdout.read()).splitlines()[-1])
    assert (await process.wait(), last["error"]["kind"]) == (130, "interrupted")
    assert "run it again" in last["error"]["fix"]
    assert not fetchers(docker_client, hub.REPO)
    blobs = tmp_path / "hub" / "models--test-owner--slow-model" / "blobs"
    before = {path.name: path.stat().st_size for path in blobs.iterdir()}
    assert 0 < sum(before.values()) < hub.FILES * hub.FILE_BYTES

    code, lines = await pulled(hub_image, hub.REPO, tmp_path)

    assert code == 0, lines[-1]
    held = [line["held_bytes"] for line in lines if line["event"] == "fetching"]
    assert held[0] >= sum(before.values())
    assert held == sorted(held)
    assert lines[-1]["held_bytes"] == hub.FILES * hub.FILE_BYTES
    assert {line["event"] for line in lines} == {"kept", "fetching", "result"}
    assert not fetchers(docker_client, hub.REPO)


async def test_a_pull_whose_console_was_killed_goes_on_and_the_next_one_joins_it(
    hub_image: str, docker_client: DockerClient, tmp_path: Path
) -> None:
    process = await begun(hub_image, tmp_path)
    process.kill()
    await process.wait()
    (orphan,) = fetchers(docker_client, hub.REPO)

    code, lines = await pulled(hub_image, hub.REPO, tmp_path)

    assert code == 0, lines[-1]
    assert lines[-1]["held_bytes"] == hub.FILES * hub.FILE_BYTES
    assert orphan.id not in [container.id for container in fetchers(docker_client, hub.REPO)]
    assert b"hf_x" not in json.dumps(lines).encode()


@pytest.mark.parametrize(("model", "kind"), [(hub.FULL, "disk_full"), (hub.OFFLINE, "hub_unreachable")])
async def test_what_went_wrong_is_said(
    hub_image: str, docker_client: DockerClient, tmp_path: Path, model: str, kind: str
) -> None:
    code, lines = await pulled(hub_image, model, tmp_path)

    assert code == 1
    assert lines[-1]["error"]["kind"] == kind
    assert lines[-1]["error"]["fix"]
    assert not fetchers(docker_client, model)


@pytest.fixture
def plan(remote: tuple[str, Line], docker_client: DockerClient, name: str, port: int) -> Iterator[list[str]]:
    """What would start that image, whose fetching takes a while; in the end nothing runs, and no more bytes come."""
    image, line = remote
    line.breaks_at, line.bytes_per_s = None, hub.MIB
    yield ["--no-gpu", "--image", image, "--model-path", "/models/pretend", "--name", name, "--port", str(port)]
    until(lambda: line.left)  # the engine has hung up
    assert line.sent < LARGE
    assert image not in [tag for each in docker_client.images.list() for tag in each.tags]
    assert docker_client.containers.list(all=True, filters={"name": name}) == []


async def test_ctrl_c_ends_a_deployment_and_the_pull_with_it(plan: list[str], tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*INTERRUPTIBLE, "deploy", "--json", *plan), stdout=subprocess.PIPE, env=environ(tmp_path)
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if json.loads(line).get("current_bytes"):
            break
    process.send_signal(signal.SIGINT)
    last = json.loads((await process.stdout.read()).splitlines()[-1])
    assert (await process.wait(), last["error"]["kind"]) == (130, "interrupted")
    assert last["error"]["fix"] == "The image was still being pulled; nothing was started."


async def test_the_key_that_stops_a_server_ends_a_pull_in_the_console(plan: list[str], home: dict[str, str]) -> None:
    with console(plan, home) as t:
        t.wait_for("no NVIDIA driver")
        t.keys("2")
        t.wait_for("VERDICT")
        t.keys("Enter")
        t.wait_for("Preflight")
        t.keys("Enter")
        t.wait_for(r"Fetching the image[^$]*MiB")
        t.keys("x")
        t.wait_for("Stop fetching the image?")
        t.keys("Enter")
        t.wait_for("Broken off: nothing was started")
        t.wait_for("○ nothing is served")
        t.keys("q")
        t.wait_for("exit code 0")
