"""A real engine for each worker, with images of our own making, once a session."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from nemotui.adapters.vllm import VllmServer
from tests.ports import free_port
from tests.real import image, nvml_library
from tests.real.engine import own_engine
from tests.real.parts import require

REPOSITORY = "nemotui-test/server"


@pytest.fixture(scope="session")
def engine_of_this_worker(worker_id: str) -> Iterator[None]:
    """The engine that is there for one worker, one of its own for each other: a console finds all that runs on one."""
    require("docker engine")
    if worker_id in ("master", "gw0"):
        yield
        return
    with own_engine() as run, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", run("start"))
        yield


@pytest.fixture(scope="session")
def docker_client(engine_of_this_worker: None) -> Iterator[DockerClient]:
    """docker-py itself: to prepare, and to look behind our adapter."""
    import docker

    with contextlib.closing(docker.from_env(timeout=300)) as client:
        yield client


@pytest.fixture(scope="session")
def server_image(docker_client: DockerClient) -> Iterator[str]:
    """An image that serves as `vllm serve` does, in about a second."""
    tag = f"{REPOSITORY}:{uuid.uuid4().hex[:8]}"
    image.build(docker_client, tag)
    yield tag
    docker_client.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled fake driver library, for LD_LIBRARY_PATH."""
    return nvml_library.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def script_image(docker_client: DockerClient, server_image: str) -> Iterator[Callable[[str], str]]:
    """Images that run a Python text instead of a server."""
    tags: list[str] = []

    def build(script: str) -> str:
        tag = f"{REPOSITORY}:{uuid.uuid4().hex[:8]}"
        image.build_script(docker_client, server_image, tag, script)
        tags.append(tag)
        return tag

    yield build
    for tag in tags:
        docker_client.images.remove(tag, force=True)


@pytest.fixture
def name(docker_client: DockerClient) -> Iterator[str]:
    """A container's name; whatever holds it afterwards is removed."""
    from docker.errors import NotFound

    chosen = f"nemotui-test-{uuid.uuid4().hex[:8]}"
    yield chosen
    with contextlib.suppress(NotFound):
        docker_client.containers.get(chosen).remove(force=True)


@pytest.fixture
def port() -> int:
    """A port of the loopback that was free a moment ago."""
    return free_port()


@pytest.fixture
async def server(port: int) -> AsyncGenerator[VllmServer, None]:
    """Whoever serves there, as the real client sees it."""
    server = VllmServer(f"http://127.0.0.1:{port}")
    yield server
    await server.close()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a console that has a terminal, and nothing of the user's."""
    require("tmux")
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": f"{tmp_path}/state", "XDG_CONFIG_HOME": f"{tmp_path}/config"}
