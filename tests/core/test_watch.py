"""The watchers on a clock that tests own: what they ask, how often, and what they make of trouble."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from nemotui.core.errors import NemotuiError, NothingThereError, Problem
from nemotui.core.hardware import Host, Machine, NoGpusError
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics
from nemotui.core.ports import Container
from nemotui.core.watch import ServerSample, container_url, watch_machine, watch_server
from tests.core.scripted import Clock

pytestmark = pytest.mark.anyio

NO_ENGINE = NothingThereError("no_engine", "no engine answers", "Start it.")
NO_SERVER = NothingThereError("no_server", "no server answers", "Start one.")


class Probe:
    def __init__(self, *answers: Machine | NemotuiError) -> None:
        self.answers = list(answers)
        self.details: list[str | None] = []
        self.anew: list[bool] = []

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        self.details.append(detail)
        self.anew.append(anew)
        answer = self.answers.pop(0)
        if isinstance(answer, NemotuiError):
            raise answer
        return answer

    async def close(self) -> None: ...


class Runtime:
    def __init__(self, containers: Sequence[Container] | NemotuiError) -> None:
        self.answer = containers

    async def containers(self) -> Sequence[Container]:
        if isinstance(self.answer, NemotuiError):
            raise self.answer
        return self.answer


class Server:
    def __init__(self, base_url: str, *, up: bool = True) -> None:
        self.base_url = base_url
        self.up = up
        self.asked: list[str] = []
        self.closed = False

    async def healthy(self) -> bool:
        self.asked.append("health")
        return self.up

    async def models(self) -> Sequence[ServedModel]:
        self.asked.append("models")
        return [ServedModel(id="nemotron-super")]

    async def version(self) -> str | None:
        return None

    async def metrics(self) -> ServerMetrics:
        self.asked.append("metrics")
        if not self.up:
            raise NO_SERVER
        return ServerMetrics(running=1)

    def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        raise NotImplementedError

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        yield ChatChunk(at=0)

    async def close(self) -> None:
        self.closed = True


def container(port: int = 8000, bind: str = "127.0.0.1", state: str = "running") -> Container:
    return Container(id="1", name="n", image="i", state=state, bind=bind, port=port, labels={})  # type: ignore[arg-type]


async def samples(runtime: Runtime, servers: dict[str, Server], count: int, clock: Clock) -> list[ServerSample]:
    found = []
    watcher = watch_server(runtime, servers.__getitem__, "http://127.0.0.1:8000", clock)  # type: ignore[arg-type]
    async with aclosing(watcher):
        async for sample in watcher:
            found.append(sample)
            if len(found) == count:
                break
    return found


async def test_a_machine_every_two_seconds_and_a_missing_driver_every_half_minute() -> None:
    clock = Clock()
    alone = Machine(host=Host(hostname="box"), error=Problem("no_driver", "there is no driver", "Install it."))
    probe = Probe(Machine(driver_version="1"), NoGpusError(alone), Machine(driver_version="2"), Machine())
    seen: list[Machine] = []
    watcher = watch_machine(probe, clock)
    async with aclosing(watcher):
        async for event in watcher:
            seen.append(event)
            if len(seen) == 4:
                break
    assert seen == [Machine(driver_version="1"), alone, Machine(driver_version="2"), Machine()]
    assert clock.slept == [2, 30, 2]


async def test_another_interval_and_a_closer_look() -> None:
    clock, probe = Clock(), Probe(*[Machine()] * 3)
    looks = iter((None, "GPU-a", None))
    async with aclosing(watch_machine(probe, clock, interval_s=5, detail=lambda: next(looks))) as watcher:
        for _ in range(3):
            assert await anext(watcher) == Machine()
    assert clock.slept == [5, 5]
    assert probe.details == [None, "GPU-a", None]


async def test_gpus_that_are_gone_are_looked_for_by_the_first_sample_alone() -> None:
    probe = Probe(*[Machine()] * 3)
    async with aclosing(watch_machine(probe, Clock(), anew=True)) as watcher:
        for _ in range(3):
            await anext(watcher)
    assert probe.anew == [True, False, False]


async def test_where_there_is_no_server_one_is_looked_for_less_often() -> None:
    clock, server = Clock(), Server("http://127.0.0.1:8000", up=False)
    await samples(Runtime([]), {server.base_url: server}, 3, clock)
    assert set(clock.slept) == {5}
    clock = Clock()
    await samples(Runtime([container()]), {server.base_url: server}, 3, clock)
    assert set(clock.slept) == {2}, "it is starting"


async def test_a_serving_server_is_asked_for_its_metrics_alone() -> None:
    clock, server = Clock(), Server("http://127.0.0.1:8000")
    found = await samples(Runtime([container()]), {server.base_url: server}, 16, clock)
    assert server.asked == ["health", "models", *["metrics"] * 15, "health", "models", "metrics"]
    assert all(sample.serving and sample.metrics.running == 1 for sample in found)
    assert set(clock.slept) == {2}
    assert server.closed


async def test_a_server_that_goes_away_is_seen_at_the_next_sample() -> None:
    clock, server = Clock(), Server("http://127.0.0.1:8000")
    watcher = watch_server(Runtime([]), lambda url: server, server.base_url, clock)  # type: ignore[arg-type]
    async with aclosing(watcher):
        assert (await anext(watcher)).serving
        server.up = False
        gone = await anext(watcher)
        assert (gone.serving, gone.problem) == (False, NO_SERVER.problem)
        assert not (await anext(watcher)).serving
        server.up = True
        assert (await anext(watcher)).serving


async def test_without_an_engine_the_default_address_is_tried() -> None:
    servers = {url: Server(url) for url in ("http://127.0.0.1:8000",)}
    (sample,) = await samples(Runtime(NO_ENGINE), servers, 1, Clock())
    assert sample.serving
    assert sample.problem is None
    servers["http://127.0.0.1:8000"].up = False
    (sample,) = await samples(Runtime(NO_ENGINE), servers, 1, Clock())
    assert sample.problem == sample.engine_problem == NO_ENGINE.problem


async def test_our_running_container_says_where_to_look() -> None:
    server = Server("http://10.0.0.5:9000")
    runtime = Runtime([container(state="exited"), container(port=9000, bind="10.0.0.5")])
    (sample,) = await samples(runtime, {server.base_url: server}, 1, Clock())
    assert sample.base_url == "http://10.0.0.5:9000"
    assert sample.container == container(port=9000, bind="10.0.0.5")


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("10.1.2.3", "http://10.1.2.3:8000"),
    ],
)
def test_where_a_container_answers(bind: str, url: str) -> None:
    assert container_url(container(bind=bind)) == url
