"""Servers that crash, are killed, raced for, adopted, left behind and cleaned away, on a real engine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.docker import DockerEngine
from nemotui.adapters.ending import end_process
from nemotui.adapters.kept_names import KeptNames
from nemotui.adapters.vllm import VllmServer
from nemotui.core.deploy import Created, DeployEvent, Ready, deploy
from nemotui.core.errors import FailedError
from nemotui.core.failed import Failed
from nemotui.core.hardware import Machine
from nemotui.core.keeping import Keeping
from nemotui.core.leavings import Leaving
from nemotui.core.plan import ContainerSpec
from nemotui.core.stop import Stopped, Stopping, stop
from nemotui.core.swap import plan_swap, swap
from tests.real.test_docker import FP8, SLEEP, run, spec

pytestmark = [pytest.mark.real, pytest.mark.anyio]

CRASH = "import sys; sys.exit('ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (524).')"
# It asks for memory until the kernel ends it.
HUNGRY = "import time; print('here', flush=True); time.sleep(1); x = [bytearray(2**20) for _ in range(4096)]"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
PLANTED = "hf_planted0123456789"


@pytest.fixture
def engine(tmp_path: Path) -> DockerEngine:
    return DockerEngine(adopted=KeptNames(tmp_path / "adopted.json"), fetched=KeptNames(tmp_path / "fetched.json"))


class NoGpus:
    """A machine without any."""

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        return Machine()

    async def close(self) -> None: ...


async def test_a_crash_loop_is_told_with_its_cause_and_its_cure(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    wanted = spec(name, script_image(CRASH), port, FP8, "--max-num-seqs", "1024")

    failed = (await run(engine, server, replace(wanted, keeping=Keeping(restart="always"))))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "crash_loop"
    assert "the cache has only 524 Mamba blocks" in failed.cause
    assert failed.cure is not None
    assert failed.cure.diff == ("- --max-num-seqs 1024", "+ --max-num-seqs 524")


async def test_out_of_memory_is_told_apart_from_a_kill(
    engine: DockerEngine,
    server: VllmServer,
    script_image: Callable[[str], str],
    docker_client: DockerClient,
    name: str,
    port: int,
) -> None:
    if not docker_client.info()["MemoryLimit"]:
        pytest.skip("this kernel has no memory cgroup: test_deploy.py has the engine's answer")
    wanted = spec(name, script_image(HUNGRY), port)
    events: list[DeployEvent] = []
    async with aclosing(deploy(engine, server, wanted, SystemClock())) as deploying:
        async for event in deploying:
            events.append(event)
            if isinstance(event, Created):
                docker_client.containers.get(name).update(mem_limit="64m", memswap_limit="64m")

    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "oom_killed"


async def test_of_two_that_start_at_once_one_wins_and_the_other_says_so(
    engine: DockerEngine, server: VllmServer, server_image: str, docker_client: DockerClient, name: str, port: int
) -> None:
    wanted = spec(name, server_image, port, FP8, "--tensor-parallel-size", "2", "--served-model-name", "nemotron-super")

    both = await asyncio.gather(run(engine, server, wanted), run(engine, server, wanted))

    ends = [events[-1] for events in both]
    (ready,) = [end for end in ends if isinstance(end, Ready)]
    (failed,) = [end for end in ends if isinstance(end, Failed)]
    assert failed.kind == "runs_already"
    assert "runs already" in failed.cause or "is being started" in failed.cause
    assert docker_client.containers.get(name).id == ready.container.id


async def test_a_spec_read_from_a_container_makes_the_same_one(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int, tmp_path: Path
) -> None:
    wanted = ContainerSpec(
        name=name,
        image=script_image(SLEEP),
        args=(FP8, "--max-num-seqs", "64"),
        port=port,
        environment=(("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),),
        secret_environment=("HF_TOKEN",),
        keeping=Keeping(restart="on-failure:2", log_max_size="1m", log_max_files=2),
    )
    holder = DockerEngine({**os.environ, "HF_TOKEN": PLANTED})
    container = await holder.start(wanted)

    found = await holder.spec(container.id)

    assert replace(found, labels=()) == wanted
    assert PLANTED not in repr(found)


async def test_a_replacement_that_fails_brings_the_old_server_back(
    engine: DockerEngine, server: VllmServer, server_image: str, docker_client: DockerClient, name: str, port: int
) -> None:
    good = spec(name, server_image, port, FP8, "--tensor-parallel-size", "2", "--served-model-name", "nemotron-super")
    assert isinstance((await run(engine, server, good))[-1], Ready)
    old = await engine.inspect(name)
    try:
        plan = await plan_swap(engine, old, replace(good, args=(*good.args, "--max-num-seqs", "1024")))
        failed = [event async for event in swap(engine, server, plan, SystemClock())][-1]

        assert isinstance(failed, Failed)
        assert failed.kind == "too_many_seqs"
        assert failed.remedy.endswith(f"{name} is started again as it was.")
        again = await engine.inspect(name)
        assert (again.id, again.state) == (old.id, "running")
    finally:
        docker_client.containers.get(f"{name}-failed").remove(force=True)


async def test_the_grace_period_is_counted_down_and_a_stubborn_one_is_killed(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int
) -> None:
    container = await engine.start(spec(name, script_image(STUBBORN), port))

    events = [event async for event in stop(engine, NoGpus(), container, SystemClock(), grace_s=3)]

    left = [event.left_s for event in events if isinstance(event, Stopping)]
    assert left[0] == pytest.approx(3.0, abs=0.5)
    assert left == sorted(left, reverse=True)
    assert isinstance(events[-1], Stopped)
    assert events[-1].container.exit_code == 137


async def test_only_a_process_of_that_container_is_ended(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int
) -> None:
    container = await engine.start(spec(name, script_image(STUBBORN), port))
    (pid,) = await engine.processes(container.id)

    with pytest.raises(FailedError) as refused:
        await end_process(pid, "0" * 64)
    assert refused.value.problem.kind == "not_ours"
    assert (await engine.inspect(name)).state == "running"

    await end_process(pid, container.id)  # it ignores SIGTERM
    assert await engine.processes(container.id) == []


async def test_one_that_was_started_by_hand_is_ours_once_it_was_adopted(
    engine: DockerEngine, script_image: Callable[[str], str], docker_client: DockerClient, name: str, port: int
) -> None:
    image = f"{name}/vllm"
    docker_client.images.get(script_image(SLEEP)).tag(image)
    docker_client.containers.run(image, [FP8], name=name, detach=True, ports={"8000/tcp": ("127.0.0.1", port)})
    try:
        (found,) = [container for container in await engine.containers() if container.name == name]
        assert not found.ours
        assert found.port == port

        await engine.adopt(found.id)

        (found,) = [container for container in await engine.containers() if container.name == name]
        assert found.ours
        assert found.adopted
        assert not any(left.name == name for left in await engine.leftovers())  # and never ours to clean away
    finally:
        docker_client.containers.get(name).remove(force=True)
        docker_client.images.remove(image, force=True)


async def test_a_container_of_no_vllm_is_none_of_our_business(
    engine: DockerEngine, script_image: Callable[[str], str], docker_client: DockerClient, name: str
) -> None:
    docker_client.containers.run(script_image(SLEEP), name=name, detach=True)

    assert name not in [container.name for container in await engine.containers()]


async def test_what_has_ended_is_cleaned_away_and_what_runs_never(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int
) -> None:
    container = await engine.start(spec(name, script_image(SLEEP), port))
    assert name not in [left.name for left in await engine.leftovers()]
    with pytest.raises(FailedError):  # the engine itself refuses
        await engine.remove_leftover(Leaving(kind="containers", name=name))

    await engine.stop(container.id, grace_s=0)
    (left,) = [left for left in await engine.leftovers() if left.name == name]
    await engine.remove_leftover(left)

    assert name not in [container.name for container in await engine.containers()]


def bundle(name: str, file: Path, home: Path) -> str:
    """The verb, in a process of its own; where it says that the bundle is."""
    argv = [sys.executable, "-m", "nemotui", "bundle", "--name", name, str(file), "--json"]
    environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return str(json.loads(done.stdout)["path"])


async def test_a_bundle_of_a_real_container_holds_no_planted_secret(
    script_image: Callable[[str], str], name: str, port: int, tmp_path: Path
) -> None:
    leaky = "import os, sys; print('token', os.environ['HF_TOKEN'], 'Bearer sk-planted-9876543210'); sys.exit('boom')"
    planted = {"HF_TOKEN": PLANTED, "VLLM_API_KEY": "planted-key-42"}
    engine = DockerEngine({**os.environ, **planted})
    wanted = replace(spec(name, script_image(leaky), port), secret_environment=("HF_TOKEN", "VLLM_API_KEY"))
    await engine.start(wanted)
    file = tmp_path / "incident.tar.gz"

    assert bundle(name, file, tmp_path) == str(file)
    assert file.stat().st_mode & 0o077 == 0
    with tarfile.open(file) as tar:
        texts = {Path(m.name).name: f.read().decode() for m in tar.getmembers() if (f := tar.extractfile(m))}
    assert set(texts) == {"plan.json", "log.txt", "inspect.json", "environment.json", "diagnosis.json"}
    assert "token ***" in texts["log.txt"]
    for secret in (*planted.values(), "sk-planted-9876543210"):
        assert not [name for name, text in texts.items() if secret in text]
    assert json.loads(texts["plan.json"])["secret_environment"] == ["HF_TOKEN", "VLLM_API_KEY"]


async def test_created_is_told_before_the_log(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    events = await run(engine, server, spec(name, script_image(CRASH), port))

    assert isinstance(events[1], Created)
    assert isinstance(events[-1], Failed)
    assert events[-1].container is not None
    assert events[-1].container.exit_code == 1
