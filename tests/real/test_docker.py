"""The engine adapter and the deployment on a real Docker Engine, with our pretend server in a real container."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from docker import DockerClient

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.docker import DockerEngine
from nemotui.adapters.vllm import VllmServer
from nemotui.core.deploy import Created, DeployEvent, LogBatch, Ready, Starting, deploy, follow_start
from nemotui.core.errors import FailedError, NothingThereError
from nemotui.core.failed import Failed
from nemotui.core.keeping import Keeping
from nemotui.core.logs import LogLine
from nemotui.core.plan import LABEL, ContainerSpec, Volume
from nemotui.core.ports import Container

pytestmark = [pytest.mark.real, pytest.mark.anyio]

FP8 = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"
FAIL = "import sys; sys.exit('ValueError: World size (4) is larger than the number of available GPUs (2)')"
SLEEP = "import time; print('here', flush=True); time.sleep(600)"


PYTHON = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]  # of the image, too


@pytest.fixture
def engine() -> DockerEngine:
    return DockerEngine()


def spec(name: str, image: str, port: int, *args: str, gpus: tuple[str, ...] = ()) -> ContainerSpec:
    return ContainerSpec(
        name=name, image=image, args=args, port=port, gpus=gpus, labels=((LABEL, name), (f"{LABEL}.port", str(port)))
    )


async def run(engine: DockerEngine, server: VllmServer, wanted: ContainerSpec) -> list[DeployEvent]:
    return [event async for event in deploy(engine, server, wanted, SystemClock())]


async def all_lines(engine: DockerEngine, container: Container) -> list[LogLine]:
    return [line async for batch in engine.logs(container.id, follow=True) for line in batch]


async def test_from_start_to_the_first_answer_found_again_and_stopped(
    engine: DockerEngine, server: VllmServer, server_image: str, name: str, port: int
) -> None:
    wanted = spec(name, server_image, port, FP8, "--served-model-name", "nemotron-super", "--tensor-parallel-size", "2")

    events = await run(engine, server, wanted)

    created, ready = events[1], events[-1]
    assert isinstance(created, Created)
    assert isinstance(ready, Ready), ready
    assert ready.reply.content
    assert ready.reply.finish_reason in ("stop", "length")
    assert any(isinstance(event, Starting) for event in events)
    # Not by the events: lines that come at once are one batch, and a short phase begins and ends in it.
    assert {"config", "weights", "compile", "kv_cache", "graphs"} <= set(ready.tracker.durations())
    texts = [line.text for event in events if isinstance(event, LogBatch) for line in event.lines]
    assert any("Model loading took" in text for text in texts)

    (found,) = [container for container in await engine.containers() if container.name == name]
    assert (found.state, found.bind, found.port, found.args) == ("running", "127.0.0.1", port, wanted.args)
    assert found.labels[LABEL] == name

    async with aclosing(follow_start(engine, server, found, SystemClock())) as again:
        last = [event async for event in again][-1]
    assert isinstance(last, Ready)

    await engine.stop(found.id, grace_s=10)
    stopped = await engine.inspect(found.id)
    assert (stopped.state, stopped.exit_code) == ("exited", 0)
    assert stopped.finished_at is not None


async def test_a_stopped_container_gives_its_name_to_the_next(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    failing = spec(name, script_image(FAIL), port)

    first, second = (await run(engine, server, failing))[1], (await run(engine, server, failing))[1]

    assert isinstance(first, Created)
    assert isinstance(second, Created)
    assert first.container.id != second.container.id


async def test_a_container_that_exits_is_explained(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    failed = (await run(engine, server, spec(name, script_image(FAIL), port)))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "too_few_gpus"
    assert failed.cause == "The plan needs 4 GPUs and the container has 2"
    assert failed.evidence[0].startswith("ValueError: World size (4)")


async def test_a_start_that_vllm_refuses_is_explained_with_its_numbers(
    engine: DockerEngine, server: VllmServer, server_image: str, name: str, port: int
) -> None:
    wanted = spec(name, server_image, port, FP8, "--tensor-parallel-size", "2", "--max-num-seqs", "1024")

    failed = (await run(engine, server, wanted))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "too_many_seqs"
    assert "max_num_seqs is 1024" in failed.cause


async def test_stopped_while_it_starts(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    events: list[DeployEvent] = []
    async with aclosing(deploy(engine, server, spec(name, script_image(SLEEP), port), SystemClock())) as deploying:
        async for event in deploying:
            events.append(event)
            if isinstance(event, LogBatch):
                await engine.stop((await engine.inspect(name)).id, grace_s=0)

    assert isinstance(events[-1], Failed)
    assert events[-1].kind == "killed"


async def test_removed_while_it_starts(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    events: list[DeployEvent] = []
    async with aclosing(deploy(engine, server, spec(name, script_image(SLEEP), port), SystemClock())) as deploying:
        async for event in deploying:
            events.append(event)
            if isinstance(event, LogBatch):
                await engine.remove(name)

    assert isinstance(events[-1], Failed)
    assert events[-1].kind in ("removed", "killed")  # whether the engine still knew it


async def test_detaching_leaves_it_running(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    async with aclosing(deploy(engine, server, spec(name, script_image(SLEEP), port), SystemClock())) as deploying:
        async for event in deploying:
            if isinstance(event, LogBatch):
                break

    assert (await engine.inspect(name)).state == "running"


async def test_a_taken_port_leaves_nothing_behind(
    engine: DockerEngine, server: VllmServer, server_image: str, name: str, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        failed = (await run(engine, server, spec(name, server_image, port)))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "port_taken"
    assert f"127.0.0.1:{port}" in failed.cause
    with pytest.raises(NothingThereError):
        await engine.inspect(name)


async def test_a_name_that_our_own_running_server_has(
    engine: DockerEngine, server: VllmServer, script_image: Callable[[str], str], name: str, port: int
) -> None:
    wanted = spec(name, script_image(SLEEP), port)
    holder = await engine.start(wanted)

    failed = (await run(engine, server, wanted))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "runs_already"
    assert name in failed.cause
    assert (await engine.inspect(name)).id == holder.id


async def test_a_name_that_somebody_elses_container_has(
    engine: DockerEngine, server: VllmServer, docker_client: DockerClient, server_image: str, name: str, port: int
) -> None:
    holder = docker_client.containers.create(server_image, name=name)

    failed = (await run(engine, server, spec(name, server_image, port)))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "name_taken"
    assert name in failed.cause
    assert docker_client.containers.get(name).id == holder.id


async def test_gpus_without_the_toolkit_leave_nothing_behind(
    engine: DockerEngine, server: VllmServer, server_image: str, name: str, port: int
) -> None:
    if (await engine.info()).nvidia_runtime:
        pytest.skip("this engine has the NVIDIA toolkit")
    failed = (await run(engine, server, spec(name, server_image, port, gpus=("GPU-0", "GPU-1"))))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "no_nvidia_toolkit"
    assert "nvidia-ctk runtime configure" in failed.remedy
    with pytest.raises(NothingThereError):
        await engine.inspect(name)


async def test_an_image_that_no_registry_gives(engine: DockerEngine, server: VllmServer, name: str, port: int) -> None:
    wanted = spec(name, "registry.invalid/vllm/vllm-openai:v9.9.9", port)  # RFC 6761: never resolves

    events = await run(engine, server, wanted)

    assert isinstance(events[-1], Failed)
    assert events[-1].kind == "image_offline"
    assert not any(isinstance(event, Created) for event in events)


async def test_logs_come_out_plain_with_their_stream_and_time(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int
) -> None:
    script = r"""
import sys
out, err = sys.stdout.buffer, sys.stderr.buffer
out.write("one\x1b[31m red\x1b[0m \x1b]0;title\x07\u202e\u2588\n".encode()); out.flush()
err.write(b"\rLoading:  10%\rLoading:  50%\rLoading: 100%\n"); err.flush()
out.write(b"broken \xff utf-8\r\n"); out.flush()
out.write(b"x" * 40000 + b"\n"); out.flush()
out.write(b"y" * 1500000 + b"\n"); out.flush()
err.write(b"no newline"); err.flush()
"""
    container = await engine.start(spec(name, script_image(script), port))

    lines = await all_lines(engine, container)
    stdout = [line.text for line in lines if line.stream == "stdout"]
    stderr = [line.text for line in lines if line.stream == "stderr"]

    assert stdout[:2] == ["one red █", "broken \ufffd utf-8"]
    assert stdout[2] == "x" * 1999 + "…"  # three frames of the engine's, one line
    assert [line[0] for line in stdout[3:]] == ["y", "y"]  # over a megabyte: cut for the screen
    assert stderr == ["Loading: 100%", "no newline"]
    # The engine stamps the first lines before it notes the start itself.
    assert all(line.time is not None and line.time > (container.started_at or 0) - 5 for line in lines)
    raw = b"".join([chunk async for chunk in engine.raw_log(container.id)])  # nothing of it is lost
    # What is not UTF-8 the engine itself has replaced: it keeps its logs as JSON.
    broken = "broken \ufffd utf-8\r\n".encode()
    pieces = (b"one\x1b[31m red", b"\rLoading:  10%\rLoading:  50%\r", broken, b"no newline")
    assert all(piece in raw for piece in pieces)
    assert (raw.count(b"x"), raw.count(b"y")) == (40000, 1500000)


async def test_the_end_of_a_log_and_a_log_from_a_time_on(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int
) -> None:
    script = "import time\nfor i in range(5): print(i, flush=True); time.sleep(0.01)"
    container = await engine.start(spec(name, script_image(script), port))
    lines = await all_lines(engine, container)

    tail = [line async for batch in engine.logs(container.id, follow=False, tail=2) for line in batch]
    since = [line async for batch in engine.logs(container.id, follow=False, since=lines[3].time) for line in batch]

    assert [line.text for line in lines] == ["0", "1", "2", "3", "4"]
    assert tail == lines[3:]
    assert since[-2:] == lines[3:]


async def test_secrets_reach_the_container_and_nothing_that_tells_of_it(
    script_image: Callable[[str], str], docker_client: DockerClient, name: str, port: int, tmp_path: Path
) -> None:
    engine = DockerEngine({**os.environ, "HF_TOKEN": "hf_planted"})
    image = script_image("import os; print(os.environ['HF_TOKEN'] == 'hf_planted', os.listdir('/data'))")
    wanted = ContainerSpec(
        name=name,
        image=image,
        args=(),
        port=port,
        secret_environment=("HF_TOKEN", "NEMOTUI_TEST_UNSET"),
        volumes=(Volume(source=str(tmp_path), target="/data", read_only=True),),
        labels=((LABEL, name),),
        keeping=Keeping(),
    )
    container = await engine.start(wanted)

    assert [line.text for line in await all_lines(engine, container)] == ["True []"]
    assert "hf_planted" not in repr(await engine.inspect(name)) + repr(wanted)
    settings = docker_client.containers.get(name).attrs["HostConfig"]
    assert settings["IpcMode"] == "host"
    assert settings["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "50m"}}
    assert settings["Binds"] == [f"{tmp_path}:/data:ro"]


async def test_a_command_in_a_container_and_its_end_when_its_reader_leaves(
    engine: DockerEngine, script_image: Callable[[str], str], name: str, port: int
) -> None:
    image = script_image("import time; time.sleep(300)")
    container = await engine.start(ContainerSpec(name=name, image=image, args=(), port=port, labels=((LABEL, name),)))
    code = "import os, sys; print(os.environ['KEY']); print('\\x1b[31mred', file=sys.stderr)"
    async with aclosing(engine.execute(container.id, [PYTHON, "-c", code], {"KEY": "sk-1"})) as batches:
        lines = [(line.stream, line.text) async for batch in batches for line in batch]
    assert sorted(lines) == [("stderr", "red"), ("stdout", "sk-1")]

    beat = "import itertools, time\nfor n in itertools.count(): open('/tmp/beat', 'w').write(str(n)); time.sleep(0.05)"
    begin = ["sh", "-c", 'echo begun; exec "$@"', "sh", PYTHON, "-c", beat]
    async with aclosing(engine.execute(container.id, begin, {})) as batches:
        async for batch in batches:
            assert batch[0].text == "begun"
            break
    watch = "import time; a = open('/tmp/beat').read(); time.sleep(1); print(a == open('/tmp/beat').read())"
    async with aclosing(engine.execute(container.id, [PYTHON, "-c", watch], {})) as batches:
        assert [line.text async for batch in batches for line in batch] == ["True"]
    await engine.stop(container.id, grace_s=1)


async def test_what_the_engine_says_of_itself(engine: DockerEngine, server_image: str) -> None:
    info = await engine.info()

    assert info.version
    assert float(info.api_version) >= 1.41
    assert await engine.has_image(server_image)
    assert not await engine.has_image("nemotui-test/none:none")


async def test_nothing_listens(tmp_path: Path) -> None:
    with pytest.raises(NothingThereError) as raised:
        await DockerEngine({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}).info()

    assert raised.value.problem.kind == "no_engine"


@pytest.mark.filterwarnings("ignore:docker-credential-absent")
async def test_a_credential_helper_that_is_not_there_is_said(
    engine: DockerEngine, docker_client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "absent"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(FailedError, match="docker-credential-absent not installed") as caught:
        async for _ in engine.pull("nemotui-test/none:none"):
            pass
    assert caught.value.problem.kind == "registry_credentials"
