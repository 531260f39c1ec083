"""Runs as processes: followed live and afterwards, stopped, and mourned."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.load import LoadProcess
from nemotui.catalog import load_catalog
from nemotui.core.bench import (
    BenchFinished,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    TimelinePoint,
    follow_bench,
    run_bench,
)
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.observe import Observation
from nemotui.rundir import RunDirectory
from tests.load.known_server import Behaviour, KnownServer, serving
from tests.waiting import until_there

pytestmark = pytest.mark.anyio


@pytest.fixture
def load(tmp_path: Path) -> LoadProcess:
    return LoadProcess(tmp_path / "runs", SystemClock(), load_catalog(), api_key=lambda: "sk-secret")


def spec(server: KnownServer, **asked: Any) -> BenchSpec:
    shape = {"input_len": 8, "output_len": 5, "num_prompts": 4, "max_concurrency": 2, **asked}
    return BenchSpec(base_url=server.url, **shape)


async def to_the_end(points: AsyncGenerator[TimelinePoint | Observation]) -> list[TimelinePoint]:
    return [point async for point in points if isinstance(point, TimelinePoint)]


async def test_a_run_from_start_to_result_and_again_from_disk(load: LoadProcess) -> None:
    server = KnownServer(lambda _: Behaviour())
    with serving(server):
        live = [event async for event in run_bench(load, spec(server), {"machine": "x"})]
    started, *progress, finished = live
    assert isinstance(started, BenchStarted)
    assert isinstance(finished, BenchFinished)
    assert all(isinstance(event, BenchProgress) for event in progress)
    assert (finished.result["completed"], finished.result["run"]) == (4, started.run)
    assert [event async for event in follow_bench(load, started.run)] == live
    directory = RunDirectory(Path(started.run))
    assert directory.environment() == {"machine": "x"}
    assert "Bearer sk-secret" in server.headers[0]
    assert b"sk-secret" not in b"".join(path.read_bytes() for path in directory.path.iterdir())


async def test_it_has_a_session_of_its_own_and_outlives_its_follower(load: LoadProcess) -> None:
    server = KnownServer(lambda number: Behaviour(breaks="silence" if number == 3 else None))
    with serving(server):
        run = await load.start(spec(server), {})
        pid = RunDirectory(Path(run)).pid()
        assert pid is not None
        assert os.getsid(pid) == pid
        async with aclosing(load.follow(run)) as points:
            async for _ in points:
                break
        assert RunDirectory(Path(run)).pid() == pid
        # Another follower, as after a lost connection, and then the end that somebody asks for.
        async with aclosing(load.follow(run)) as points:
            async for point in points:
                if isinstance(point, TimelinePoint) and point.done == 3:
                    await load.stop(run)
    result = await load.result(run)
    assert (result["interrupted"], result["completed"], result["errors"]) == (True, 3, {"cancelled": 1})
    await load.stop(run)  # nothing to stop any more


async def test_nothing_is_left_of_a_process_whose_run_nobody_follows(load: LoadProcess) -> None:
    with serving(KnownServer(lambda _: Behaviour())) as server:
        pid = RunDirectory(Path(await load.start(spec(server), {}))).pid()
        assert pid is not None
        await until_there(lambda: not Path(f"/proc/{pid}").exists())


async def test_a_killed_generator_is_a_failed_run(load: LoadProcess) -> None:
    server = KnownServer(lambda _: Behaviour(breaks="silence"))
    with serving(server):
        run = await load.start(spec(server, warmup=0), {})
        pid = RunDirectory(Path(run)).pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(FailedError, match="the load generator was killed"):
            await to_the_end(load.follow(run))
        with pytest.raises(FailedError, match="has no readable result"):
            await load.result(run)


async def test_what_a_killed_generator_had_measured_is_told(load: LoadProcess) -> None:
    version = {"simulator": {"speed": 20}}
    server = KnownServer(lambda number: Behaviour(breaks="silence" if number == 3 else None), version=version)
    with serving(server):
        run = await load.start(spec(server, warmup=0, max_concurrency=1), {})
        directory = RunDirectory(Path(run))
        async with aclosing(load.follow(run)) as points:
            async for point in points:
                if isinstance(point, TimelinePoint) and point.done == 3 and (pid := directory.pid()) is not None:
                    os.kill(pid, signal.SIGKILL)
    events = [event async for event in follow_bench(load, run)]
    assert isinstance(events[-1], BenchFinished)
    result = events[-1].result
    assert (result["completed"], result["total_output_tokens"], result["complete"]) == (3, 15, False)
    assert (result["reason"], result["error"]) == ("the load generator was killed", None)
    assert (result["model_id"], result["time_scale"]) == ("known-model", 20)
    assert result["mean_ttft_ms"] > 0
    assert not (directory.path / "result.json").exists()


async def test_its_last_words_are_told(load: LoadProcess, tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path / "runs", BenchSpec(base_url="http://h"), {}, now=0)
    directory.log.write_text("Traceback\n\x1b[31mMemoryError: all gone\n")
    with pytest.raises(FailedError) as failed:
        await to_the_end(load.follow(str(directory.path)))
    assert failed.value.problem.message == "the load generator ended without a result: MemoryError: all gone"


async def test_no_server_is_told_as_such(load: LoadProcess) -> None:
    with serving(KnownServer(lambda _: Behaviour())) as server:
        pass
    run = await load.start(spec(server), {})
    await to_the_end(load.follow(run))
    with pytest.raises(NothingThereError, match=f"no server answers at {server.url}"):
        await load.result(run)


async def test_what_is_no_run_is_not_followed(load: LoadProcess, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run directory"):
        await to_the_end(load.follow(str(tmp_path)))


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    load = LoadProcess(tmp_path / "file" / "runs", SystemClock(), load_catalog())
    with pytest.raises(UsageError, match="a run cannot be stored in"):
        await load.start(BenchSpec(base_url="http://h"), {})
