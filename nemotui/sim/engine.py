"""The pretend container engine: each container is a child process that runs the pretend server, and ends with us."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import secrets
import shlex
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nemotui.catalog import load_catalog
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError
from nemotui.core.failures import KnownFailure, explain
from nemotui.core.logs import LogLine, Stream
from nemotui.core.memory import MemoryPlan
from nemotui.core.phases import TYPICAL
from nemotui.core.plan import ALL_GPUS, FETCH_LABEL, IMAGE_LABEL, LABEL, ContainerSpec
from nemotui.core.ports import Clock, Container, EngineInfo, PullProgress
from nemotui.core.secret_args import redacted
from nemotui.core.text import plain_line
from nemotui.core.watch import local_url
from nemotui.sim.arguments import ServeArguments, parse
from nemotui.sim.hub import PretendHub
from nemotui.sim.images import IMAGE_BYTES, image_digest, layers
from nemotui.sim.machines import load_machine, load_profile

_PULL_STEPS = 20
_UNLISTED_BYTES = 80_000_000_000  # of a model that the catalogue does not have
_FETCH_SHARE = 0.4  # of a start: the download of its weights, on top
_LINE_END = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """What a running container does to the GPUs: the probe's source. `started_at` is unix time."""

    gpus: tuple[str, ...]
    container: str
    pid: int
    started_at: float
    start_seconds: float
    fetch_seconds: float
    memory: MemoryPlan
    base_url: str


@dataclass(slots=True, eq=False)
class _Child:
    """One container. Its log is kept whole; a new line or its end is told by `changed`, which is then replaced."""

    container: Container
    spec: ContainerSpec
    occupancy: Occupancy | None  # None: it uses no GPU
    process: asyncio.subprocess.Process
    lines: list[LogLine] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)  # what those were made of
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class PretendEngine:
    """A `ContainerRuntime`. `speed` divides the server's times; a start's log takes `start_seconds`.

    `close` ends what runs; so does the end of this process, however it comes.
    """

    def __init__(self, profile: str, clock: Clock, *, speed: float = 1.0, start_seconds: float = 8.0) -> None:
        self._profile = profile
        self._machine = load_machine(profile)
        self._clock = clock
        self._speed = speed
        self._start_seconds = start_seconds
        self._images: set[str] = set()
        self._children: dict[str, _Child] = {}
        self.hub = PretendHub(clock)

    async def info(self) -> EngineInfo:
        """An engine is always there; an NVIDIA runtime only where there are GPUs."""
        return EngineInfo(
            version="28.5.1",
            api_version="1.51",
            nvidia_runtime=bool(self._machine.gpus) and load_profile(self._profile).toolkit,
        )

    async def has_image(self, image: str) -> bool:
        """Nothing is, until it was pulled."""
        return image in self._images

    async def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        """A short pretended pull, no longer than half a start; of an image that is there already, a shorter one."""
        yield PullProgress(current_bytes=0, total_bytes=None, status=f"Pulling from {image.rpartition(':')[0]}")
        for step in range(1, _PULL_STEPS + 1) if image not in self._images else ():
            await self._clock.sleep(min(3.0, self._start_seconds / 2) / _PULL_STEPS)
            arrived = layers(step / _PULL_STEPS)
            yield PullProgress(
                current_bytes=sum(layer.current_bytes for layer in arrived),
                total_bytes=IMAGE_BYTES,
                status="Downloading",
                layers=arrived,
            )
        self._images.add(image)

    async def start(self, spec: ContainerSpec) -> Container:
        """Spawn the server. Refusals are `FailedError`, in the words and kinds of the real engine."""
        if repo := dict(spec.labels).get(FETCH_LABEL):
            return await self._start_fetching(spec, repo)
        if any(child.container.name == spec.name for child in self._children.values()):
            raise _refused(f'Conflict. The container name "/{spec.name}" is already in use by container "…"')
        gpus = self._gpus(spec)
        check_port(spec.bind, spec.port, spec.name)
        argv = [
            *spec.args,
            *("--host", spec.bind, "--port", str(spec.port), "--profile", self._profile),
            *("--speed", str(self._speed), "--start-seconds", str(self._start_seconds), "--exit-with-parent"),
            *("--visible-gpus", ",".join(gpus)),
        ]
        utf8 = {"PYTHONIOENCODING": "utf-8"}  # as a container's log is, whatever this terminal has
        environment = {**os.environ, **utf8, **dict(spec.environment), **_env_file(spec.env_file)}
        arguments = parse(argv, environment)  # the child reads them again; here a wrong one is told at once
        fetch_s = self._fetch_seconds(arguments)
        argv += ("--fetch-seconds", str(fetch_s))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nemotui.sim", "serve", *argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl+C in our terminal is for us
        )
        started_at = self._clock.now()
        container = Container(
            id=secrets.token_hex(32),
            name=spec.name,
            image=spec.image,
            state="running",
            created_at=started_at,
            started_at=started_at,
            bind=spec.bind,
            port=spec.port,
            labels={**dict(spec.labels), IMAGE_LABEL: image_digest(spec.image)},
            args=redacted(spec.args),
            gpus=spec.gpus,
        )
        occupancy = Occupancy(
            gpus=gpus[: arguments.settings.tensor_parallel_size],
            container=spec.name,
            pid=process.pid,
            started_at=started_at,
            start_seconds=self._start_seconds,
            fetch_seconds=fetch_s,
            memory=arguments.settings.memory,
            base_url=local_url(spec.bind, spec.port),
        )
        child = self._children[container.id] = _Child(container, spec, occupancy, process)
        child.keeper = asyncio.create_task(self._keep(child))
        if fetch_s:
            begins = started_at + TYPICAL.begin("download") * self._start_seconds
            self.hub.fetch(
                arguments.settings.model,
                arguments.disk_bytes,
                begins=begins,
                ends=begins + fetch_s,
                ended_at=lambda: child.container.finished_at,
            )
        return container

    async def _start_fetching(self, spec: ContainerSpec, repo: str) -> Container:
        """The container that fetches weights: one that waits until they have arrived in the pretend cache."""
        total = load_catalog().disk_bytes(repo) or _UNLISTED_BYTES
        seconds = round(2 * self.hub.missing(repo, total) * _FETCH_SHARE * self._start_seconds, 3)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"import select, sys; select.select([sys.stdin], [], [], {seconds})"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        now = self._clock.now()
        container = Container(
            id=secrets.token_hex(32),
            name=spec.name,
            image=spec.image,
            state="running",
            started_at=now,
            labels=dict(spec.labels),
            args=spec.args,
        )
        child = self._children[container.id] = _Child(container, spec, None, process)
        child.keeper = asyncio.create_task(self._keep(child))
        self.hub.fetch(repo, total, begins=now, ends=now + seconds, ended_at=lambda: child.container.finished_at)
        return container

    async def containers(self) -> Sequence[Container]:
        """Ours, newest first."""
        return [c.container for c in reversed(self._children.values()) if LABEL in c.container.labels]

    async def inspect(self, container_id: str) -> Container:
        return self._child(container_id).container

    async def spec(self, container_id: str) -> ContainerSpec:
        return self._child(container_id).spec

    async def document(self, container_id: str) -> Mapping[str, Any]:
        """What is known of it: there is no engine behind."""
        child = self._child(container_id)
        return {**asdict(replace(child.container, labels={})), "labels": dict(child.container.labels)}

    async def processes(self, container_id: str) -> Sequence[int]:
        child = self._child(container_id)
        return [child.process.pid] if child.container.state == "running" else []

    async def adopt(self, container_id: str) -> None:
        """Whatever runs here is ours already."""

    async def rename(self, container_id: str, name: str) -> None:
        child = self._child(container_id)
        child.container = replace(child.container, name=name)

    async def start_again(self, container_id: str) -> Container:
        """A process cannot be started twice: another with the same settings takes its place."""
        spec, name = self._child(container_id).spec, self._child(container_id).container.name
        await self.remove(container_id)
        return await self.start(replace(spec, name=name))

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """Any number of readers at once, each from its own beginning."""
        child = self._child(container_id)
        lines = child.lines
        position = 0 if tail is None else max(0, len(lines) - tail)
        while True:
            changed, ended = child.changed, child.container.state != "running"
            batch = tuple(line for line in lines[position:] if since is None or (line.time or 0.0) >= since)
            position = len(lines)
            if batch:
                yield batch
            elif ended or not follow:
                return
            else:
                await changed.wait()

    async def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """A pretend container holds no programs; in the words of a real one."""
        yield (LogLine(f"sh: 1: {shlex.join(argv[4:7]) or argv[0]}: not found", None, "stderr"),)

    async def raw_log(self, container_id: str) -> AsyncGenerator[bytes, None]:
        """As it was read, in one piece."""
        yield bytes(self._child(container_id).raw)

    async def stop(self, container_id: str, *, grace_s: int) -> None:
        """SIGTERM, and SIGKILL when the grace is over."""
        child = self._child(container_id)
        if child.container.state == "running":
            child.process.terminate()
            try:
                await asyncio.wait_for(child.process.wait(), grace_s)
            except TimeoutError:
                child.process.kill()
        if child.keeper is not None:
            await child.keeper

    async def remove(self, container_id: str) -> None:
        """A running one is killed first."""
        child = self._child(container_id)
        if child.container.state == "running":
            child.process.kill()
        if child.keeper is not None:
            await child.keeper
        del self._children[container_id]

    async def close(self) -> None:
        """End and forget everything."""
        for container_id in list(self._children):
            await self.remove(container_id)

    def occupancies(self) -> Sequence[Occupancy]:
        """What the running containers hold."""
        return [c.occupancy for c in self._children.values() if c.occupancy and c.container.state == "running"]

    def _child(self, container_id: str) -> _Child:
        child = self._children.get(container_id)
        if child is None:
            raise NothingThereError(
                "no_container", f"No such container: {container_id}", "nemotui status shows what runs"
            )
        return child

    def _fetch_seconds(self, arguments: ServeArguments) -> float:
        """How long the start waits for weights that are not in the cache; a path is one of this host's."""
        model = arguments.settings.model
        missing = 0.0 if model.startswith("/") else self.hub.missing(model, arguments.disk_bytes)
        return round(missing * _FETCH_SHARE * self._start_seconds, 3)

    def _gpus(self, spec: ContainerSpec) -> tuple[str, ...]:
        """The UUIDs that the container sees, refused where the NVIDIA hook would."""
        usable = {gpu.uuid for gpu in self._machine.gpus if gpu.state == "ok"}
        if not spec.gpus:
            return ()
        if not usable or not load_profile(self._profile).toolkit:
            raise _refused('could not select device driver "" with capabilities: [[gpu]]')
        if spec.gpus == ALL_GPUS:
            return tuple(gpu.uuid for gpu in self._machine.gpus if gpu.uuid in usable)
        for uuid in spec.gpus:
            if uuid not in usable:
                raise _refused(
                    "failed to create shim task: OCI runtime create failed: error running hook #0: exit status 1, "
                    f"stdout: , stderr: nvidia-container-cli: device error: {uuid}: unknown device: unknown"
                )
        return spec.gpus

    async def _keep(self, child: _Child) -> None:
        """Read both streams to their ends, then note how it ended."""
        assert child.process.stdout is not None
        assert child.process.stderr is not None
        await asyncio.gather(
            self._read(child, child.process.stdout, "stdout"), self._read(child, child.process.stderr, "stderr")
        )
        code = await child.process.wait()
        child.container = replace(
            child.container,
            state="exited",
            exit_code=code if code >= 0 else 128 - code,  # by a signal: as a shell counts it
            finished_at=self._clock.now(),
        )
        child.tell()

    async def _read(self, child: _Child, source: asyncio.StreamReader, stream: Stream) -> None:
        rest = b""
        while chunk := await source.read(65536):
            child.raw += chunk
            *whole, rest = _LINE_END.split(rest + chunk)
            self._append(child, whole, stream)
        self._append(child, [rest], stream)

    def _append(self, child: _Child, texts: Sequence[bytes], stream: Stream) -> None:
        now = self._clock.now()
        lines = [LogLine(plain_line(text), now, stream) for text in texts if text]
        if lines:
            child.lines.extend(lines)
            child.tell()


def _env_file(path: str | None) -> dict[str, str]:
    """NAME=VALUE a line, as `docker run --env-file` reads it."""
    if path is None:
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(line.strip().split("=", 1) for line in file if "=" in line)


def check_port(bind: str, port: int, name: str) -> None:
    """Raise what the real engine would say of a port that cannot be had."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            words = (
                "address already in use" if error.errno == errno.EADDRINUSE else (error.strerror or "failed").lower()
            )
            raise _refused(
                f"driver failed programming external connectivity on endpoint {name}: Error starting userland "
                f"proxy: listen tcp4 {bind}:{port}: bind: {words}"
            ) from error


def _refused(words: str) -> NemotuiError:
    """As the Docker adapter tells the same refusal."""
    known = explain(words)
    if known is not None:
        return KnownFailure(known)
    return FailedError("engine_refused", f"Docker refused: {words}")
