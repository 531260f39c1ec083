"""A clock, a runtime and a server that a test writes the script for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nemotui.core.errors import NothingThereError
from nemotui.core.logs import LogLine
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics
from nemotui.core.plan import LABEL, ContainerSpec
from nemotui.core.ports import Container, EngineInfo, PullProgress
from tests.unasked import Unasked

SPEC = ContainerSpec(
    name="nemotron",
    image="vllm/vllm-openai:v0.33.0",
    args=("nvidia/X", "--served-model-name", "nemotron-super"),
    labels=((LABEL, "nemotron"),),
)
RUNNING = Container(
    id="0a1b",
    name="nemotron",
    image=SPEC.image,
    state="running",
    started_at=1000.0,
    labels=dict(SPEC.labels),
    args=SPEC.args,
)


class Clock:
    """Starts at 1000 s and moves only when somebody sleeps, or when a test says so."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


@dataclass
class Runtime(Unasked):
    """An engine that runs one container, whose log is `logs`: one list for each time that it is asked for."""

    logs_: list[list[LogLine]] = field(default_factory=lambda: [[]])
    ends: Container | None = None  # without it its log stays open for ever
    removed: bool = False
    images: tuple[str, ...] = (SPEC.image,)
    present: list[Container] = field(default_factory=list)
    start_error: Exception | None = None
    pull_error: Exception | None = None
    log_closed: int = 0
    followed: asyncio.Event = field(default_factory=asyncio.Event)
    since: list[float | None] = field(default_factory=list)
    inspected: list[Container | Exception] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    known: ContainerSpec | None = None

    async def spec(self, container_id: str) -> ContainerSpec:
        return self.known or await super().spec(container_id)

    async def info(self) -> EngineInfo:
        raise NotImplementedError

    async def has_image(self, image: str) -> bool:
        return image in self.images

    async def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        yield PullProgress(current_bytes=5, total_bytes=10, status="Downloading")
        if self.pull_error:
            raise self.pull_error

    async def start(self, spec: ContainerSpec) -> Container:
        self.calls.append("start")
        if self.start_error:
            raise self.start_error
        return RUNNING

    async def containers(self) -> Sequence[Container]:
        return list(self.present)

    async def inspect(self, container_id: str) -> Container:
        if self.inspected:
            found = self.inspected.pop(0)
            if isinstance(found, Exception):
                raise found
            return found
        if self.ends is None:
            raise NothingThereError("no_container", f"No such container: {container_id}")
        return self.ends

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        assert follow
        self.since.append(since)
        self.followed.set()
        try:
            for line in self.logs_.pop(0):
                yield (line,)
                await asyncio.sleep(0)
            if self.ends is None and not self.inspected and not self.removed:
                await asyncio.Event().wait()
        finally:
            self.log_closed += 1

    def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        raise AssertionError("nothing is run in a container here")

    async def raw_log(self, container_id: str) -> AsyncGenerator[bytes, None]:
        yield b""

    async def stop(self, container_id: str, *, grace_s: int) -> None:
        self.calls.append("stop")

    async def remove(self, container_id: str) -> None:
        self.calls.append(f"remove {container_id}")


@dataclass
class Server:
    """A server that becomes healthy at the n-th question; `up_after` None is never."""

    up_after: int | None = None
    serves: tuple[str, ...] = ("nemotron-super",)
    models_error: Exception | None = None
    chat_error: Exception | None = None
    asked: int = 0
    bodies: list[Mapping[str, Any]] = field(default_factory=list)

    base_url: str = "http://127.0.0.1:8000"

    async def healthy(self) -> bool:
        self.asked += 1
        return self.up_after is not None and self.asked >= self.up_after

    async def models(self) -> Sequence[ServedModel]:
        if self.models_error:
            raise self.models_error
        return [ServedModel(id=name) for name in self.serves]

    async def version(self) -> str | None:
        return None

    async def metrics(self) -> ServerMetrics:
        return ServerMetrics()

    def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        raise NotImplementedError

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        self.bodies.append(body)
        if self.chat_error:
            raise self.chat_error
        yield ChatChunk(at=1.0, content="Hello")
        yield ChatChunk(at=2.0, content=" there.", finish_reason="stop")

    async def close(self) -> None:
        return None
