"""The deployment as events, over a runtime and a server that a test writes the script for."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.deploy import (
    Created,
    Creating,
    DeployEvent,
    LogBatch,
    Pulling,
    Ready,
    Starting,
    deploy,
    follow_start,
)
from nemotui.core.errors import FailedError, NothingThereError
from nemotui.core.failed import Failed
from nemotui.core.failures import Diagnosis, KnownFailure, explain
from nemotui.core.logs import LogLine
from nemotui.core.plan import LABEL, docker_run
from nemotui.core.ports import Container, PullProgress
from nemotui.core.served import curl, served_name
from tests.core.logfiles import captured, written
from tests.core.scripted import RUNNING, SPEC, Clock, Runtime, Server

pytestmark = pytest.mark.anyio

DOWN = "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above."

REMOVED = Diagnosis(kind="removed", cause="", remedy="")


async def run(runtime: Runtime, server: Server) -> list[DeployEvent]:
    return [event async for event in deploy(runtime, server, SPEC, Clock())]


async def test_a_start_from_the_image_on_disk_to_the_first_answer() -> None:
    server = Server(up_after=4)
    events = await run(Runtime(logs_=[captured("h200-vllm-0.24-fp8-startup.log")[:8]]), server)

    assert events[0] == Creating(image=SPEC.image)
    created, ready = events[1], events[-1]
    assert created == Created(container=RUNNING, command=shlex.join(docker_run(SPEC)))
    assert isinstance(ready, Ready)
    assert ready.base_url == "http://127.0.0.1:8000"
    assert ready.elapsed_s == 3.0  # three unhealthy answers, a second apart
    assert ready.reply.content == "Hello there."
    assert ready.request == server.bodies[0]
    assert ready.request["model"] == "nemotron-super"
    assert ready.request["chat_template_kwargs"] == {"enable_thinking": False}
    assert not any(isinstance(event, Pulling) for event in events)


async def test_an_absent_image_is_fetched_first() -> None:
    events = await run(Runtime(images=()), Server(up_after=1))

    assert events[0] == Pulling(progress=PullProgress(current_bytes=5, total_bytes=10, status="Downloading"))
    assert events[1] == Creating(image=SPEC.image)
    assert isinstance(events[2], Created)


TAKEN = FailedError("port_taken", "The port is taken", "choose another with --port")


@pytest.mark.parametrize("runtime", [Runtime(images=(), pull_error=TAKEN), Runtime(start_error=TAKEN)])
async def test_what_the_engine_refuses_is_a_failure_with_its_fix(runtime: Runtime) -> None:
    events = await run(runtime, Server())

    assert events[-1] == Failed(
        kind="port_taken", cause="The port is taken", remedy="choose another with --port", spec=SPEC
    )
    assert not any(isinstance(event, Created) for event in events)


async def test_no_engine_is_raised_because_there_is_nothing_to_act_on() -> None:
    with pytest.raises(NothingThereError):
        await run(Runtime(start_error=NothingThereError("no_engine", "No Docker engine answers")), Server())


async def test_a_stopped_container_of_ours_gives_way_and_a_running_one_does_not() -> None:
    stopped = replace(RUNNING, id="old", state="exited", exit_code=0)
    other = replace(stopped, id="other", name="another")
    runtime = Runtime(present=[stopped, other])

    await run(runtime, Server(up_after=1))

    assert runtime.calls == ["remove old", "start"]

    runtime = Runtime(present=[RUNNING])
    (failed,) = await run(runtime, Server())
    assert isinstance(failed, Failed)
    assert (failed.kind, runtime.calls) == ("runs_already", [])
    assert "nemotui stop" in failed.remedy
    assert failed.cure is not None
    assert failed.cure.replaces == RUNNING.id


NOT_YET = NothingThereError("no_container", "No such container: nemotron")
REFUSED = KnownFailure(explain('The container name "/nemotron" is already in use by container "x"') or REMOVED)


@pytest.mark.parametrize(
    ("winner", "words"),
    [(RUNNING, "runs already"), (replace(RUNNING, state="created", created_at=1000.0), "is being started")],
)
async def test_of_two_that_start_at_once_one_wins_and_the_other_says_so(winner: Container, words: str) -> None:
    runtime = Runtime(start_error=REFUSED, inspected=[NOT_YET, winner])  # the engine knows its name first

    _, failed = await run(runtime, Server())

    assert isinstance(failed, Failed)
    assert failed.kind == "runs_already"
    assert words in failed.cause
    assert runtime.calls == ["start"]


async def test_somebody_elses_container_of_the_name_is_answered_by_another_name() -> None:
    _, failed = await run(Runtime(start_error=REFUSED, inspected=[replace(RUNNING, labels={})]), Server())

    assert isinstance(failed, Failed)
    assert failed.kind == "name_taken"
    assert failed.cure is not None
    assert (failed.cure.after.name, dict(failed.cure.after.labels)[LABEL]) == ("nemotron-2", "nemotron-2")


async def test_one_that_was_left_half_made_gives_way() -> None:
    runtime = Runtime(present=[replace(RUNNING, id="half", state="created", created_at=900.0)])

    await run(runtime, Server(up_after=1))

    assert runtime.calls == ["remove half", "start"]


async def test_a_server_that_its_restart_policy_starts_again_and_again() -> None:
    again: list[Container | Exception] = [
        replace(RUNNING, state="restarting", restarts=n, started_at=1000.0 + n) for n in (1, 2, 3)
    ]
    log = written("ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (524).", 1000.5)
    runtime = Runtime(logs_=[log[:], *(written(log[0].text, 1000.5 + n) for n in (1, 2))], inspected=again)
    runtime.known = replace(SPEC, args=(*SPEC.args, "--max-num-seqs", "1024"))

    failed = (await run(runtime, Server()))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "crash_loop"
    assert failed.cause.startswith("The server has crashed 3 times, and Docker starts it again each time: max_num_seqs")
    assert failed.cure is not None
    assert failed.cure.diff == ("- --max-num-seqs 1024", "+ --max-num-seqs 524")


async def test_a_container_that_ends_is_diagnosed_from_its_log() -> None:
    ended = replace(RUNNING, state="exited", exit_code=1)
    log = captured("vllm-cpu-failed-startup-moe.log")
    events = await run(Runtime(logs_=[log[:]], ends=ended), Server())

    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "unknown_error"
    assert failed.cause == "NotImplementedError: is_act_and_mul=False is supported only for CUDA, XPU and ROCm for now"
    assert sum(len(event.lines) for event in events if isinstance(event, LogBatch)) == len(log)


async def test_a_container_that_is_removed_meanwhile() -> None:
    runtime = Runtime(logs_=[written("one", 1001.0)], removed=True)

    assert (await run(runtime, Server()))[-1] == Failed(
        kind="removed", cause="The container was removed", remedy="Start it again with `nemotui deploy`."
    )


async def test_a_log_that_breaks_off_is_taken_up_where_it_broke() -> None:
    one, two, three = written("one", 1001.0) + written("two", 1002.0) + written("three", 1003.0)
    runtime = Runtime(
        logs_=[[one, two], [two, three]], inspected=[RUNNING], ends=replace(RUNNING, state="exited", exit_code=1)
    )

    events = await run(runtime, Server())

    assert [line.text for event in events if isinstance(event, LogBatch) for line in event.lines] == [
        "one",
        "two",
        "three",
    ]
    assert runtime.since == [None, 1002.0]


@pytest.mark.parametrize(
    ("finished_at", "restarts", "since"),
    [(None, 0, None), (990.0, 0, 990.0), (990.0, 2, 990.0), (1001.0, 0, None), (1001.0, 2, 1000.0)],
)
async def test_the_first_lines_are_not_lost_and_those_of_an_earlier_run_are_not_read(
    finished_at: float | None, restarts: int, since: float | None
) -> None:
    """The engine may stamp a line before it notes the start."""
    container = replace(RUNNING, finished_at=finished_at, restarts=restarts)
    runtime = Runtime(logs_=[written("one", 999.9)], inspected=[], ends=replace(container, state="exited", exit_code=1))
    [event async for event in follow_start(runtime, Server(), container, Clock())]

    assert runtime.since[0] == since


async def test_progress_comes_with_every_batch_and_every_second() -> None:
    load = written("(EngineCore pid=9) INFO 11-23 15:03:02 [r.py:1] Starting to load model X", 1001.0)
    starting = [event for event in await run(Runtime(logs_=[load]), Server(up_after=4)) if isinstance(event, Starting)]

    assert len(starting) == 4  # one batch, three seconds without an answer
    assert starting[-1].phase == "download"
    assert starting[-1].elapsed_s == 3.0
    assert starting[-1].tracker.starts == {"boot": 1000.0, "download": 1001.0}


async def test_a_server_under_another_name_is_not_ours() -> None:
    failed = (await run(Runtime(), Server(up_after=1, serves=("llama",))))[-1]

    assert isinstance(failed, Failed)
    assert failed.kind == "wrong_model"
    assert failed.cause == "The server answers, but serves llama and not nemotron-super"


async def test_a_server_that_cannot_answer_its_first_question_has_failed() -> None:
    failed = (await run(Runtime(), Server(up_after=1, chat_error=FailedError("http_500", "it says no", "look"))))[-1]

    assert failed == Failed(kind="http_500", cause="The server is up, but: it says no", remedy="look")


async def test_a_server_that_wants_a_key_is_up() -> None:
    server = Server(up_after=1, models_error=FailedError("http_401", "Unauthorized", "Give the key."))

    failed = (await run(Runtime(), server))[-1]
    assert isinstance(failed, Failed)
    assert failed.cause == "The server is up and wants a key that we do not have"
    assert "NEMOTUI_API_KEY" in failed.remedy


async def test_leaving_detaches_and_closes_the_log_without_stopping_the_server() -> None:
    runtime = Runtime(logs_=[written("one", 1001.0)])
    async with aclosing(deploy(runtime, Server(), SPEC, Clock())) as events:
        async for event in events:
            if isinstance(event, LogBatch):
                break

    assert runtime.log_closed == 1
    assert runtime.calls == ["start"]


async def test_being_cancelled_detaches_too() -> None:
    runtime = Runtime()

    async def follow() -> None:
        async for _ in deploy(runtime, Server(), SPEC, Clock()):
            pass

    task = asyncio.create_task(follow())
    await runtime.followed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert runtime.log_closed == 1
    assert runtime.calls == ["start"]


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (("nvidia/X", "--served-model-name", "nemotron-super"), "nemotron-super"),
        (("nvidia/X", "--served-model-name=nemotron-super"), "nemotron-super"),
        (("--model", "nvidia/X", "--port", "8000"), "nvidia/X"),
        (("nvidia/X", "--port", "8000"), "nvidia/X"),
        (("--port", "8000"), None),
        ((), None),
    ],
)
def test_the_name_a_server_serves_under(args: tuple[str, ...], name: str | None) -> None:
    assert served_name(args) == name


def test_the_curl_line_is_the_same_request_for_a_shell() -> None:
    line = shlex.split(curl("http://127.0.0.1:8000", {"model": "m", "stream": True, "messages": [{"content": "it's"}]}))

    assert line[:2] == ["curl", "http://127.0.0.1:8000/v1/chat/completions"]
    assert json.loads(line[-1]) == {"model": "m", "messages": [{"content": "it's"}]}


async def test_a_start_that_is_found_again_resumes_its_phases_from_the_log_with_their_own_times() -> None:
    log = captured("h200-vllm-0.24-fp8-startup.log")
    assert log[0].time is not None
    until = next(n for n, line in enumerate(log) if "Warming up Mamba2" in line.text) + 1
    container = replace(RUNNING, started_at=log[0].time - 16)
    clock = Clock()
    clock.time = log[0].time + 200  # long after that line was written

    events = [
        event
        async for event in follow_start(Runtime(logs_=[log[:until]]), Server(up_after=until + 8), container, clock)
        if isinstance(event, Starting)
    ]

    found = events[-1]
    assert found.phase == "kernels"
    expected = {"boot": 16, "config": 17, "engine": 2, "weights": 8, "compile": 25}
    assert found.tracker.durations() == expected
    assert found.elapsed_s == clock.time - log[0].time + 16
    assert found.silent_s == pytest.approx(clock.time - log[until - 1].time, abs=1)  # type: ignore[operator]


async def test_an_engine_that_is_away_is_waited_for_and_what_it_ended_did_not_fail() -> None:
    class Away(Runtime):
        away = 3

        async def inspect(self, container_id: str) -> Container:
            if self.away:
                self.away -= 1
                raise NothingThereError("no_engine", "No Docker engine answers")
            return await super().inspect(container_id)

    ended = replace(RUNNING, state="exited", exit_code=137)
    one, two = written("one", 1001.0) + written("two", 1002.0)
    runtime = Away(logs_=[[one], [], [], [one, two]], ends=ended)

    events = await run(runtime, Server())

    assert [line.text for event in events if isinstance(event, LogBatch) for line in event.lines] == ["one", "two"]
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "engine_stopped"
    assert "live-restore" in failed.remedy


async def test_an_engine_that_does_not_come_back_is_nothing_to_act_on() -> None:
    class Gone(Runtime):
        async def logs(self, *args: Any, **kwargs: Any) -> AsyncGenerator[tuple[LogLine, ...], None]:
            if self.images:
                raise NothingThereError("no_engine", "No Docker engine answers")
            yield ()

    with pytest.raises(NothingThereError):
        await run(Gone(), Server())
