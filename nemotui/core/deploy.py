"""Deploy: from a container's spec to a server that answers, as events; and the same for one that was started before.

The container's life does not hang on ours: whoever stops listening (Ctrl+C, a closed console) detaches from it.
"""

from __future__ import annotations

import asyncio
import shlex
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from nemotui.core.chat import Message, Reply, Sampling, chat_body, reply
from nemotui.core.diagnose import diagnose
from nemotui.core.errors import FailedError, NothingThereError, Problem
from nemotui.core.failed import Failed, crashing, failed, failed_log, in_the_way, refused
from nemotui.core.failures import Diagnosis
from nemotui.core.logs import LogLine, Place, Rest
from nemotui.core.lookout import LOOK_S, NOTHING_SEEN, Lookout, Sight
from nemotui.core.model_server import ModelServer, ServerMetrics
from nemotui.core.namesakes import LOST_RACE, POLL_S, in_use, of_that_name, winner
from nemotui.core.phases import Expectation, Phase
from nemotui.core.plan import ContainerSpec, docker_run
from nemotui.core.ports import Clock, Container, ContainerRuntime, PullProgress
from nemotui.core.rate import Rate
from nemotui.core.reach import is_open
from nemotui.core.served import curl, served_name
from nemotui.core.startup import StartupTracker

_KEPT_LINES: Final = 4_000  # for the diagnosis: a failed start is a few hundred, on eight GPUs 2,000
_ENGINE_BACK_S: Final = 120.0  # an engine that is restarted ends its containers first, which takes its time
_ENDED_BY_ENGINE: Final = (137, 143, 255)
_ENGINE_STOPPED: Final = FailedError(
    "engine_stopped",
    "Docker was stopped or restarted, and the container with it",
    'Start it again with `nemotui deploy`. With {"live-restore": true} in /etc/docker/daemon.json containers live on.',
)
_CRASHES: Final = 3  # a server that ends so often is in a loop
_REMOVED: Final = Diagnosis(
    kind="removed", cause="The container was removed", remedy="Start it again with `nemotui deploy`."
)
_HELLO: Final = "Say hello in one short sentence."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulling:
    """The image is being fetched. `bytes_per_s` and `eta_s` None until they can be told."""

    progress: PullProgress
    bytes_per_s: float | None = None
    eta_s: float | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Creating:
    """The image is here, and the engine is told to start the container: whoever stops listening now, it may run."""

    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The container runs; `command` is the `docker run` that makes the same one."""

    container: Container
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """At every batch of log lines, and every second. `fraction` 0..1 of the expected time; `eta_s` None if unknown.

    `silent_s`: how long there has been no log line, no byte in the model cache and no GPU activity.
    """

    phase: Phase
    fraction: float
    eta_s: float | None
    elapsed_s: float
    detail: str
    tracker: StartupTracker
    sight: Sight = NOTHING_SEEN
    silent_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """What the server wrote."""

    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """It has answered a first question: what was sent, what came back, and the curl line that does the same.

    `metrics` is what /metrics said then, its block count above all; None where nobody asked.
    """

    container: Container
    base_url: str
    elapsed_s: float
    request: Mapping[str, Any]
    reply: Reply
    curl: str
    tracker: StartupTracker
    metrics: ServerMetrics | None = None


DeployEvent = Pulling | Creating | Created | Starting | LogBatch | Ready | Failed


async def pull_image(runtime: ContainerRuntime, image: str, clock: Clock) -> AsyncGenerator[Pulling, None]:
    """Fetch an image, or what is new of it. Whoever stops listening ends that. Raises `FailedError`."""
    rate, began = Rate(), clock.monotonic()
    async with aclosing(runtime.pull(image)) as pull:
        async for progress in pull:
            now = clock.monotonic()
            rate = rate.after(now, progress.current_bytes)
            yield Pulling(
                progress=progress,
                bytes_per_s=rate.bytes_per_s,
                eta_s=rate.eta_s(progress.total_bytes),
                elapsed_s=now - began,
            )


async def deploy(
    runtime: ContainerRuntime,
    server: ModelServer,
    spec: ContainerSpec,
    clock: Clock,
    look: Callable[[Container], Lookout] | None = None,
) -> AsyncGenerator[DeployEvent, None]:
    """Fetch the image if it is absent, start the container, and follow it to `Ready` or `Failed`, the last event.

    A stopped container of ours with the same name gives way, one that runs does not. Of two that start the same at
    once one wins, and the other says so.
    Raises `NothingThereError` when there is no engine.
    """
    try:
        same_name = await of_that_name(runtime, spec)
        if holder := in_use(same_name, clock):
            yield in_the_way(spec, holder)
            return
        if not await runtime.has_image(spec.image):
            async with aclosing(pull_image(runtime, spec.image, clock)) as pull:
                async for pulling in pull:
                    yield pulling
        yield Creating(image=spec.image)
        for old in same_name:
            with suppress(NothingThereError):  # somebody else was faster
                await runtime.remove(old.id)
        container = await runtime.start(spec)
    except (FailedError, NothingThereError) as error:
        if error.problem.kind in LOST_RACE and (holder := await winner(runtime, spec, clock)):
            yield in_the_way(spec, holder)
        elif isinstance(error, NothingThereError):
            raise
        else:
            yield refused(error, spec)
        return
    yield Created(container=container, command=shlex.join(docker_run(spec)))
    async with aclosing(follow_start(runtime, server, container, clock, look)) as events:
        async for event in events:
            yield event


async def follow_start(
    runtime: ContainerRuntime,
    server: ModelServer,
    container: Container,
    clock: Clock,
    look: Callable[[Container], Lookout] | None = None,
) -> AsyncGenerator[Starting | LogBatch | Ready | Failed, None]:
    """Follow a container that was started before, from the first line of its log, to `Ready` or `Failed`.

    `look` makes what watches the GPUs and the model cache beside the log.
    """
    tracker, crashes = StartupTracker(started_at=container.started_at), container.restarts
    began = container.started_at or clock.now()
    sight = NOTHING_SEEN
    lines: deque[LogLine] = deque(maxlen=_KEPT_LINES)
    news: asyncio.Queue[_News] = asyncio.Queue(maxsize=64)
    tasks = [
        asyncio.create_task(_follow_log(runtime, container, clock, news)),
        asyncio.create_task(_await_server(server, clock, news)),
    ]
    if look is not None:
        tasks.append(asyncio.create_task(_look_on(look(container), clock, news)))
    try:
        while True:
            match await news.get():
                case tuple() as batch:
                    lines.extend(batch)
                    tracker = tracker.read(batch)
                    yield LogBatch(lines=batch)
                    yield _starting(tracker, clock.now(), began, sight)
                case Expectation() as expected:
                    tracker = replace(tracker, expected=expected)
                case Sight() as sight:
                    pass
                case _Answered(models):
                    tracker = tracker.answered(clock.now())
                    yield await _first_reply(server, container, models, tracker, clock, began)
                    return
                case Container() as ended:
                    found = diagnose(lines, ended.exit_code, ended.oom_killed) or _REMOVED
                    event = await failed_log(runtime, found, ended)
                    if not ended.going_on:
                        yield event
                        return
                    crashes += 1
                    if crashes >= _CRASHES:
                        yield crashing(event, crashes)
                        return
                    tracker = StartupTracker(started_at=ended.started_at, expected=tracker.expected)
                    began = ended.started_at or clock.now()
                    lines.clear()
                case NothingThereError(problem=Problem(kind="no_container")):
                    yield failed(_REMOVED)
                    return
                case FailedError(problem=problem):
                    yield _failed(problem)
                    return
                case Exception() as error:
                    raise error
                case None:
                    yield _starting(tracker, clock.now(), began, sight)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@dataclass(frozen=True, slots=True)
class _Answered:
    """The server is healthy and serves these names."""

    models: tuple[str, ...]


# Lines, what else is seen, a server that answers, a container that has ended (or was started again by its restart
# policy), trouble, or a tick of the clock.
_News = tuple[LogLine, ...] | Expectation | Sight | _Answered | Container | Exception | None


async def _follow_log(
    runtime: ContainerRuntime, container: Container, clock: Clock, news: asyncio.Queue[_News]
) -> None:
    """The log of this run until the container has ended for good. A log that breaks off is taken up where it broke.

    An engine that is restarted is waited for; what it has ended by that did not fail by itself.
    """
    last, seen = Place(earlier_end(container)), container
    away_since: float | None = None
    try:
        while True:
            rest = Rest(last)
            try:
                async with aclosing(runtime.logs(container.id, follow=True, since=last.time)) as batches:
                    async for batch in batches:
                        if fresh := rest.new(batch):
                            last = last.after(fresh)
                            await news.put(fresh)
                now = await runtime.inspect(container.id)
            except NothingThereError as error:
                away_since = clock.now() if away_since is None else away_since
                if error.problem.kind != "no_engine" or clock.now() - away_since > _ENGINE_BACK_S:
                    raise
                await clock.sleep(POLL_S)
                continue
            if not now.going_on:
                await news.put(_ENGINE_STOPPED if away_since is not None and now.exit_code in _ENDED_BY_ENGINE else now)
                return
            if now.restarts > seen.restarts or now.started_at != seen.started_at:
                await news.put(now)
            seen, away_since = now, None
            await clock.sleep(POLL_S)
    except Exception as error:
        await news.put(error)


def earlier_end(container: Container) -> float | None:
    """When the run before this one ended; lines up to then are not of its start. None: there was none.

    The first lines may be stamped before `started_at`, so that it does not do. Of a container that has ended since,
    the engine no longer tells.
    """
    ended, began = container.finished_at, container.started_at
    if ended is None or began is None or ended < began:
        return ended
    return began if container.restarts else None


async def _look_on(lookout: Lookout, clock: Clock, news: asyncio.Queue[_News]) -> None:
    """First how long it should take, then what is to be seen beside the log."""
    try:
        await news.put(await lookout.expectation())
        while True:
            await news.put(await lookout.look())
            await clock.sleep(LOOK_S)
    except Exception as error:
        await news.put(error)


async def _await_server(server: ModelServer, clock: Clock, news: asyncio.Queue[_News]) -> None:
    """Until /health is 200 and /v1/models names its models; a tick for each time that it is not."""
    try:
        while True:
            with suppress(NothingThereError):  # it went away between the two questions
                if await server.healthy() and (models := await server.models()):
                    await news.put(_Answered(tuple(model.id for model in models)))
                    return
            await news.put(None)
            await clock.sleep(POLL_S)
    except Exception as error:
        await news.put(error)


async def _first_reply(
    server: ModelServer,
    container: Container,
    models: tuple[str, ...],
    tracker: StartupTracker,
    clock: Clock,
    began: float,
) -> Ready | Failed:
    """The published guide's own check: one small question through the server's port."""
    elapsed_s = max(0.0, clock.now() - began)
    name = served_name(container.args) or models[0]
    if name not in models:
        return Failed(
            kind="wrong_model",
            cause=f"The server answers, but serves {', '.join(models)} and not {name}",
            remedy="Something else answers on this port: choose another with --port.",
        )
    messages, sampling = [Message(role="user", content=_HELLO)], Sampling(max_tokens=32)
    answer = Reply(mode="off", sent_at=clock.monotonic())
    try:
        async with aclosing(reply(server, name, messages, "off", sampling, clock)) as deltas:
            async for delta in deltas:
                answer = delta.reply
        metrics = await server.metrics()
    except (FailedError, NothingThereError) as error:
        return _failed(error.problem, "The server is up, but: ")
    request = chat_body(name, messages, "off", sampling)
    return Ready(
        container=container,
        base_url=server.base_url,
        elapsed_s=elapsed_s,
        request=request,
        reply=answer,
        curl=curl(server.base_url, request, with_key=is_open(container.bind or "127.0.0.1")),
        tracker=tracker,
        metrics=metrics,
    )


def _failed(problem: Problem, before: str = "") -> Failed:
    if problem.kind == "http_401":
        return Failed(
            kind="key_needed",
            cause="The server is up and wants a key that we do not have",
            remedy="Give it in NEMOTUI_API_KEY and see `nemotui status`; VLLM_API_KEY sets it for a new container.",
        )
    return Failed(kind=problem.kind, cause=f"{before}{problem.message}", remedy=problem.fix)


def _starting(tracker: StartupTracker, now: float, began: float, sight: Sight) -> Starting:
    fetch = sight.fetch
    fetching = fetch.growing or not fetch.whole if fetch is not None else False if sight.local else None
    eta_s = tracker.eta_s(now, fetching=fetching)
    if tracker.phase == "download" and fetching and eta_s is not None:
        eta_s = None if fetch is None or fetch.eta_s is None else eta_s + fetch.eta_s
    signs = (sign for sign in (began, tracker.last_sign_at, sight.sign_at) if sign is not None)
    return Starting(
        phase=tracker.phase,
        fraction=tracker.fraction(now),
        eta_s=eta_s,
        elapsed_s=max(0.0, now - began),
        detail=tracker.detail,
        tracker=tracker,
        sight=sight,
        silent_s=max(0.0, now - max(signs)),
    )
