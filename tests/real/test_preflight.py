"""The preflight against a real engine: what it has, what stands in the way there, and what secrets leave behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient

from nemotui.adapters.docker import DockerEngine
from nemotui.adapters.keyfile import KeyFile
from nemotui.adapters.surroundings import LocalSurroundings
from nemotui.core import preflight_checks as checks
from nemotui.core import preflight_fetch as fetching
from nemotui.core.plan import IMAGE_LABEL, LABEL, ContainerSpec, Plan, container_spec, docker_run

pytestmark = [pytest.mark.real, pytest.mark.anyio]

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def around(tmp_path: Path) -> LocalSurroundings:
    return LocalSurroundings(tmp_path / "huggingface")


def plan(name: str, image: str, port: int, **other: object) -> Plan:
    fields = {"model": "owner/model", "served_model_name": "m", "max_model_len": 64, "max_num_seqs": 1, **other}
    return Plan(name=name, image=image, port=port, **fields)  # type: ignore[arg-type]


async def test_an_engine_without_the_toolkit_is_found_before_it_refuses(around: LocalSurroundings) -> None:
    facts = await around.engine()

    assert checks.engine(facts).status == "ok"
    assert facts.data_root is not None
    assert os.path.isabs(facts.data_root)
    if facts.gpus:
        pytest.skip("this engine has the NVIDIA toolkit")
    check = checks.toolkit(facts, plan("x", "x", 1, gpus=("GPU-0",)))
    assert (check.status, check.kind, check.estimate) == ("fail", "no_nvidia_toolkit", False)


async def test_what_an_image_says_of_itself(around: LocalSurroundings, server_image: str) -> None:
    facts = await around.image(server_image)

    assert facts is not None
    assert facts.digest.startswith("sha256:")  # no registry gave it
    assert facts.cuda_version is None
    assert await around.image("nemotui-test/none:none") is None


async def test_a_name_that_is_held_and_by_whom(
    around: LocalSurroundings, docker_client: DockerClient, server_image: str, name: str, port: int
) -> None:
    wanted = plan(name, server_image, port)
    assert checks.name(await around.holder(name), wanted).status == "ok"

    docker_client.containers.create(server_image, name=name)
    taken = checks.name(await around.holder(name), wanted)
    assert (taken.status, taken.kind) == ("fail", "name_taken")
    docker_client.containers.get(name).remove()

    ours = docker_client.containers.create(server_image, name=name, labels={LABEL: name})
    assert checks.name(await around.holder(name), wanted).status == "ok"
    ours.start()
    assert checks.name(await around.holder(name), wanted).kind == "runs_already"


async def test_a_port_that_a_container_publishes_is_taken(
    around: LocalSurroundings, script_image: Callable[[str], str], name: str, port: int
) -> None:
    image = script_image(SLEEP)
    await DockerEngine().start(ContainerSpec(name=name, image=image, args=(), port=port, labels=((LABEL, name),)))

    check = checks.port(await around.host(plan("other", image, port), None), plan("other", image, port))

    assert (check.status, check.kind) == ("fail", "port_taken")
    assert f"listens on port {port}" in check.found
    assert "`--port" in check.fix


async def test_a_port_that_a_program_holds_is_taken(around: LocalSurroundings, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        check = checks.port(await around.host(plan("x", "x", port), None), plan("x", "x", port))
    assert f"(pid {os.getpid()}) listens on port {port}" in check.found


async def test_an_unknown_image_offline_is_said_before_the_engine_is_asked(around: LocalSurroundings) -> None:
    image = "registry.invalid/vllm/vllm-openai:v9.9.9"  # RFC 6761: never resolves
    check = fetching.image(await around.image(image), await around.tag(image), plan("x", image, 1))

    assert (check.status, check.estimate) == ("fail", True)
    assert "registry.invalid does not answer" in check.found
    assert f"docker pull {image}" in check.fix


async def test_an_image_without_vllm_leaves_its_arguments_untried_and_nothing_behind(
    around: LocalSurroundings, docker_client: DockerClient, server_image: str, name: str
) -> None:
    before = {container.id for container in docker_client.containers.list(all=True)}

    trial = await around.try_arguments(container_spec(plan(name, server_image, 1)))

    assert trial.accepted is None
    assert "the image's parser cannot be asked" in trial.words
    assert {container.id for container in docker_client.containers.list(all=True)} <= before


async def test_secrets_are_in_the_containers_environment_and_nowhere_else(
    docker_client: DockerClient, script_image: Callable[[str], str], name: str, port: int, tmp_path: Path
) -> None:
    keys = KeyFile(tmp_path / "server.env", given="sk-planted")
    await keys.ensure()
    told = "import os; print([os.environ.get(n, '')[3:] for n in ('HF_TOKEN', 'VLLM_API_KEY')])"
    wanted = container_spec(plan(name, script_image(told), port, bind="0.0.0.0", key_file=keys.path))
    engine = DockerEngine({**os.environ, "HF_TOKEN": "hf_planted"})

    container = await engine.start(wanted)

    lines = [line.text async for batch in engine.logs(container.id, follow=True) for line in batch]
    assert lines == ["['planted', 'planted']"]
    attributes = docker_client.containers.get(name).attrs
    # Whoever may ask the engine is root on this machine; everything else that tells of the container is clean.
    assert {"HF_TOKEN=hf_planted", "VLLM_API_KEY=sk-planted"} <= set(attributes["Config"].pop("Env"))
    said = repr([attributes, container, wanted, docker_run(wanted), await engine.inspect(name)])
    assert "hf_planted" not in said
    assert "sk-planted" not in said
    assert container.labels[IMAGE_LABEL].startswith("sha256:")
