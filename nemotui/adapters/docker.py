"""Docker Engine through docker-py: DOCKER_HOST, else the docker command's own context. Nothing here needs its command.

Each call has a client of its own, so that a restarted engine and several threads are nothing special.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nemotui.adapters import threads
from nemotui.adapters.docker_calls import SHORT_S, Stream, json_lines, knock, translated
from nemotui.adapters.docker_leftovers import leftovers, remove_leftover
from nemotui.adapters.docker_read import concerns_us, container_of, spec_of
from nemotui.adapters.docker_streams import log_lines, output_lines, payloads, pull_progress
from nemotui.adapters.kept_names import KeptNames
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError, UsageError
from nemotui.core.leavings import Leaving
from nemotui.core.logs import LogLine, Place, Rest
from nemotui.core.plan import ALL_GPUS, IMAGE_LABEL, ContainerSpec, Volume
from nemotui.core.ports import Container, EngineInfo, PullProgress
from nemotui.core.reach import is_open
from nemotui.core.text import plain_line

if TYPE_CHECKING:  # docker-py takes a third of a second to import, so it comes with the first call
    from docker import DockerClient

T = TypeVar("T")

_START_S = 60  # a start may wait for the NVIDIA hook
_LINES_AHEAD = 4096
_CHUNKS_AHEAD = 64
_BATCH_S = 0.05  # between two batches of a log that is followed: a flood comes in few large ones
_KEY = "VLLM_API_KEY"
_LOCAL = "http+docker://localhost"  # docker-py's word for a Unix socket


class DockerEngine:
    """`ContainerRuntime` on the local Docker Engine. `environ` is where DOCKER_HOST and the secrets are looked up.

    `adopted` keeps which containers of others are ours, `fetched` which images we pulled; None: nobody keeps it.
    `key_file` holds the key of a server of ours that has none from `environ`.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        adopted: KeptNames | None = None,
        fetched: KeptNames | None = None,
        key_file: Path | None = None,
    ) -> None:
        self._environ = environ
        self._adopted = adopted
        self._fetched = fetched
        self._key_file = key_file

    async def info(self) -> EngineInfo:
        def ask(client: DockerClient) -> EngineInfo:
            info, version = client.info(), client.version()
            return EngineInfo(
                version=plain_line(str(version["Version"])),
                api_version=plain_line(str(version["ApiVersion"])),
                nvidia_runtime="nvidia" in info.get("Runtimes", {}),
            )

        return await self._call(ask)

    async def has_image(self, image: str) -> bool:
        def ask(client: DockerClient) -> bool:
            from docker.errors import ImageNotFound

            try:
                client.images.get(image)
            except ImageNotFound:
                return False
            return True

        return await self._call(ask)

    async def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        """A broken line is the engine's to mend. Cancelling it ends the pull; a classic engine begins it anew then."""

        def opened() -> Stream[PullProgress]:
            from docker import auth
            from docker.errors import DockerException
            from docker.utils import parse_repository_tag

            repository, tag = parse_repository_tag(image)
            with closing(self._client(SHORT_S)) as client:
                try:
                    header = auth.get_config_header(client.api, auth.resolve_repository_name(repository)[0])
                except DockerException as error:
                    fix = "Install that helper, or take credsStore and credHelpers out of Docker's config.json."
                    raise FailedError("registry_credentials", plain_line(str(error)), fix) from error
            return Stream(
                self._client(SHORT_S),
                lambda chunks: pull_progress(json_lines(chunks)),
                "POST",
                "/images/create",
                params={"fromImage": repository, "tag": tag or "latest"},
                headers={"X-Registry-Auth": header} if header else {},
            )

        async with aclosing(threads.iterate(opened, maxsize=64, close=Stream.close)) as batches:
            async for batch in batches:
                yield batch[-1]
        if self._fetched is not None:
            with contextlib.suppress(FailedError):  # then `clean` will not know it for ours
                self._fetched.add(image)

    async def start(self, spec: ContainerSpec) -> Container:
        def run(client: DockerClient) -> Container:
            if client.api.base_url == _LOCAL:
                _make_folders(spec.volumes)
            image = client.images.get(spec.image)  # which one a tag means changes: the container says which it was
            digest = next(iter(image.attrs.get("RepoDigests") or ()), image.id or "")
            labels = (*spec.labels, (IMAGE_LABEL, plain_line(digest)))
            created = client.containers.create(**create_arguments(replace(spec, labels=labels), self._environ))
            try:
                created.start()
            except Exception:
                with contextlib.suppress(Exception):
                    created.remove(force=True)  # it would hold the name
                raise
            created.reload()
            return self._container(created.attrs)

        return await self._call(run, timeout_s=_START_S)

    async def containers(self) -> Sequence[Container]:
        def ask(client: DockerClient) -> list[Container]:
            from docker.errors import NotFound

            found = []
            for summary in client.api.containers(all=True):  # the newest first
                if concerns_us(summary):
                    with contextlib.suppress(NotFound):  # removed since
                        found.append(self._container(client.api.inspect_container(summary["Id"])))
            return sorted(found, key=lambda container: not container.ours)

        return await self._call(ask)

    async def inspect(self, container_id: str) -> Container:
        return await self._call(lambda client: self._container(client.api.inspect_container(container_id)))

    async def spec(self, container_id: str) -> ContainerSpec:
        def ask(client: DockerClient) -> ContainerSpec:
            from docker.errors import ImageNotFound

            attrs = client.api.inspect_container(container_id)
            inherited: list[str] = []
            with contextlib.suppress(ImageNotFound):
                inherited = client.images.get(attrs["Image"]).attrs["Config"].get("Env") or []
            spec = spec_of(attrs, frozenset(inherited))
            lost = _KEY in spec.secret_environment and _KEY not in self._environ
            if self._key_file is None or not lost or not is_open(spec.bind):
                return spec
            others = tuple(name for name in spec.secret_environment if name != _KEY)
            return replace(spec, env_file=str(self._key_file), secret_environment=others)

        return await self._call(ask)

    async def document(self, container_id: str) -> Mapping[str, Any]:
        return await self._call(lambda client: client.api.inspect_container(container_id))

    async def processes(self, container_id: str) -> Sequence[int]:
        def ask(client: DockerClient) -> list[int]:
            from docker.errors import APIError

            try:
                top = client.api.top(container_id, ps_args="-eo pid")
            except APIError:  # it does not run
                return []
            return [int(row[0]) for row in top.get("Processes") or () if row and row[0].isdigit()]

        return await self._call(ask)

    async def adopt(self, container_id: str) -> None:
        if self._adopted is None:
            raise FailedError("adopt", "Nothing can be adopted here")
        identity = (await self.inspect(container_id)).id
        await threads.call(lambda: self._adopted.add(identity) if self._adopted else None)

    async def rename(self, container_id: str, name: str) -> None:
        await self._call(lambda client: client.api.rename(container_id, name))

    async def start_again(self, container_id: str) -> Container:
        await self._call(lambda client: client.api.start(container_id), timeout_s=_START_S)
        return await self.inspect(container_id)

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        last = Place(since)
        async with aclosing(self._log(container_id, follow=follow, tail=tail, since=since)) as batches:
            async for batch in batches:
                last = last.after(batch)
                yield batch
                if follow:
                    await asyncio.sleep(_BATCH_S)
        if not follow:
            return
        # When a container ends, the engine (20.10) may drop its last lines from a log that is followed.
        rest = Rest(last)
        try:
            async with aclosing(
                self._log(container_id, follow=False, tail=None if last.time else tail, since=last.time)
            ) as batches:
                async for batch in batches:
                    if late := rest.new(batch):
                        yield late
        except NothingThereError as error:
            if error.problem.kind != "no_container":  # it was removed when it had ended
                raise

    def _log(
        self, container_id: str, *, follow: bool, tail: int | None, since: float | None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        params: dict[str, str | int] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        params |= {"tail": "all" if tail is None else tail} | ({} if since is None else {"since": f"{since:.6f}"})

        def opened() -> Stream[Sequence[LogLine]]:
            return Stream(self._client(SHORT_S), log_lines, "GET", f"/containers/{container_id}/logs", params=params)

        return _batches(opened)

    async def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        pid_file = f"/tmp/nemotui-{secrets.token_hex(8)}.pid"  # the engine cannot end what it has begun in a container
        command = ["sh", "-c", f'echo $$ > {pid_file}; "$@"; rm -f {pid_file} 2>/dev/null', "sh", *argv]

        def opened() -> Stream[Sequence[LogLine]]:
            with translated(), closing(self._client(SHORT_S)) as client:
                begun = client.api.exec_create(container_id, command, environment=dict(environment))
            path, start = f"/exec/{begun['Id']}/start", {"Detach": False, "Tty": False}
            return Stream(self._client(SHORT_S), output_lines, "POST", path, json=start)

        ended = False
        try:
            async with aclosing(_batches(opened)) as batches:
                async for batch in batches:
                    yield batch
            ended = True
        finally:
            if not ended:  # what the engine runs so has a session of its own
                kill = [
                    "sh",
                    "-c",
                    f"read pid < {pid_file} && kill -TERM -$pid; rm -f {pid_file}",
                ]
                with contextlib.suppress(NemotuiError):
                    await self._call(lambda client: client.containers.get(container_id).exec_run(kill))

    async def raw_log(self, container_id: str) -> AsyncGenerator[bytes, None]:
        path, params = f"/containers/{container_id}/logs", {"stdout": 1, "stderr": 1, "follow": 0, "tail": "all"}

        def opened() -> Stream[bytes]:
            return Stream(self._client(SHORT_S), payloads, "GET", path, params=params)

        async with aclosing(threads.iterate(opened, maxsize=_CHUNKS_AHEAD, close=Stream.close)) as batches:
            async for batch in batches:
                yield b"".join(batch)

    async def stop(self, container_id: str, *, grace_s: int) -> None:
        # docker-py waits for the grace period on top of its own timeout.
        await self._call(lambda client: client.containers.get(container_id).stop(timeout=grace_s))

    async def remove(self, container_id: str) -> None:
        await self._call(lambda client: client.containers.get(container_id).remove(force=True))

    async def leftovers(self) -> Sequence[Leaving]:
        """Containers of ours that have ended, and images that we fetched."""
        fetched = self._fetched.all() if self._fetched else frozenset()
        return await self._call(lambda client: list(leftovers(client, fetched)), timeout_s=_START_S)

    async def remove_leftover(self, leaving: Leaving) -> None:
        await self._call(lambda client: remove_leftover(client, leaving), timeout_s=_START_S)

    def container_name(self, container_id: str) -> str | None:
        """The name of any container; None without an engine. Blocking, for a second at most."""
        with contextlib.suppress(Exception), closing(self._client(1)) as client:
            return plain_line(client.containers.get(container_id).name or "") or None
        return None

    def _container(self, attrs: Mapping[str, Any]) -> Container:
        return container_of(attrs, self._adopted.all() if self._adopted else frozenset())

    async def _call(self, ask: Callable[[DockerClient], T], timeout_s: int = SHORT_S) -> T:
        def run() -> T:
            with translated(), closing(self._client(timeout_s)) as client:
                return ask(client)

        return await threads.call(run)

    def _client(self, timeout_s: int) -> DockerClient:
        import docker
        from docker.context import ContextAPI

        if host := self._environ.get("DOCKER_HOST"):
            knock(host)
            with translated():
                return docker.from_env(environment=dict(self._environ), timeout=timeout_s)
        name = self._environ.get("DOCKER_CONTEXT")  # as the docker command, which docker-py does not copy
        context = ContextAPI.get_context(name)
        if context is None:
            raise UsageError("unknown_context", f"There is no docker context {name}", "See `docker context ls`.")
        knock(context.Host or "unix:///var/run/docker.sock")
        with translated():
            return docker.DockerClient(base_url=context.Host, tls=context.TLSConfig or False, timeout=timeout_s)


async def _batches(opened: Callable[[], Stream[Sequence[LogLine]]]) -> AsyncGenerator[tuple[LogLine, ...], None]:
    """All lines that wait, at once."""
    async with aclosing(threads.iterate(opened, maxsize=_LINES_AHEAD, close=Stream.close, weigh=len)) as reads:
        async for lines in reads:
            if batch := tuple(chain.from_iterable(lines)):
                yield batch


def _make_folders(volumes: Sequence[Volume]) -> None:
    """The caches' own, for this user, where they are not there yet: the engine makes them, `~/.cache` too, for root."""
    for volume in volumes:
        if not volume.read_only:
            with contextlib.suppress(OSError):  # then the engine's way is the only one
                Path(volume.source).mkdir(parents=True, exist_ok=True)


def create_arguments(spec: ContainerSpec, environ: Mapping[str, str]) -> dict[str, Any]:
    """A spec as the arguments of docker-py's `containers.create`; the same container as `core.plan.docker_run`.

    The values of its secret variables come from `environ`, one that is not set there is left out, as `docker run -e
    NAME` leaves it out; and from its env file, which must be there: without its key the server would be open.
    """
    from docker.errors import DockerException
    from docker.types import DeviceRequest, LogConfig
    from docker.utils import parse_env_file

    secrets = {name: environ[name] for name in spec.secret_environment if name in environ}
    if spec.env_file:
        try:
            secrets |= parse_env_file(spec.env_file)
        except (OSError, DockerException) as error:
            message = f"the file with the server's key, {spec.env_file}, cannot be read"
            raise FailedError("key_file", message, "Remove it: the next start makes another.") from error
    arguments: dict[str, Any] = {
        "image": spec.image,
        "command": list(spec.args),
        "name": spec.name,
        "detach": True,
        "ports": {f"{spec.container_port}/tcp": (spec.bind, spec.port)} if spec.container_port is not None else {},
        "environment": dict(spec.environment) | secrets,
        "volumes": [f"{v.source}:{v.target}:{'ro' if v.read_only else 'rw'}" for v in spec.volumes],
        "labels": dict(spec.labels),
    }
    if keeping := spec.keeping:
        policy, _, times = keeping.restart.partition(":")
        arguments["log_config"] = LogConfig(type=LogConfig.types.JSON, config=keeping.log_options)
        arguments["restart_policy"] = {"Name": policy} | ({"MaximumRetryCount": int(times)} if times else {})
    if spec.entrypoint is not None:
        arguments["entrypoint"] = [spec.entrypoint]
    if spec.ipc_host:
        arguments["ipc_mode"] = "host"
    if spec.gpus == ALL_GPUS:
        arguments["device_requests"] = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    elif spec.gpus:
        arguments["device_requests"] = [DeviceRequest(device_ids=list(spec.gpus), capabilities=[["gpu"]])]
    return arguments
