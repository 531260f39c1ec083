"""What a preflight asks of this machine: its Docker Engine, its files and ports, the registry and the model hub."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from nemotui.adapters import threads
from nemotui.adapters.argument_trial import TRIAL_S, try_arguments
from nemotui.adapters.docker import DockerEngine, create_arguments
from nemotui.adapters.host_facts import host_facts, token
from nemotui.core.errors import NemotuiError
from nemotui.core.plan import LABEL, TRIAL_LABEL, ContainerSpec, Plan
from nemotui.core.surroundings import EngineFacts, Holder, HostFacts, Hub, ImageFacts, Tag, Trial
from nemotui.core.text import plain_line

if TYPE_CHECKING:
    from docker import DockerClient

_HOOK = "nvidia-container-runtime-hook"


class LocalSurroundings(DockerEngine):
    """`core.ports.Surroundings` of this machine. `environ` has DOCKER_HOST, the proxies and the token, if any."""

    def __init__(self, hf_cache: Path, environ: Mapping[str, str] = os.environ) -> None:
        super().__init__(environ)
        self._hf_cache = hf_cache

    async def engine(self) -> EngineFacts:
        local = self._environ.get("DOCKER_HOST", "unix:").startswith("unix:")

        def ask(client: DockerClient) -> EngineFacts:
            info = client.info()
            devices = [str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or ()]
            gpus = None
            if "nvidia" in (info.get("Runtimes") or {}):
                gpus = "Docker has the nvidia runtime"
            elif any(device.startswith("nvidia.com/gpu") for device in devices):
                gpus = "Docker lists the GPUs by CDI"
            elif local and shutil.which(_HOOK):
                gpus = f"{_HOOK} is installed"
            return EngineFacts(
                version=plain_line(str(info.get("ServerVersion", ""))),
                gpus=gpus,
                data_root=plain_line(str(info["DockerRootDir"])) if local and info.get("DockerRootDir") else None,
                rootless=any("rootless" in str(option) for option in info.get("SecurityOptions") or ()),
            )

        return await self._call(ask)

    async def image(self, image: str) -> ImageFacts | None:
        def ask(client: DockerClient) -> ImageFacts | None:
            from docker.errors import ImageNotFound

            try:
                found = client.images.get(image)
            except ImageNotFound:
                return None
            digests = found.attrs.get("RepoDigests") or ()
            variables = dict(str(item).partition("=")[::2] for item in (found.attrs["Config"] or {}).get("Env") or ())
            return ImageFacts(
                digest=plain_line(next(iter(digests), found.id or "")),
                size_bytes=found.attrs.get("Size"),
                cuda_version=plain_line(variables.get("CUDA_VERSION", "")) or None,
            )

        return await self._call(ask)

    async def holder(self, name: str) -> Holder | None:
        def ask(client: DockerClient) -> Holder | None:
            from docker.errors import NotFound

            try:
                found = client.containers.get(name)
            except NotFound:
                return None
            return Holder(name=name, running=bool(found.attrs["State"].get("Running")), ours=LABEL in found.labels)

        return await self._call(ask)

    async def try_arguments(self, spec: ContainerSpec) -> Trial:
        def ask(client: DockerClient) -> Trial:
            whole = create_arguments(replace(spec, env_file=None), {})
            gpus = {name: whole[name] for name in ("device_requests",) if name in whole}
            return try_arguments(client, spec, name, **gpus)

        name = f"{TRIAL_LABEL}-{token_hex(4)}"
        try:
            return await self._call(ask, timeout_s=TRIAL_S + 10)
        except asyncio.CancelledError:  # nobody waits for it any more: the thread ends with its container
            with suppress(NemotuiError):
                await self.remove(name)
            raise
        except NemotuiError as error:
            return Trial(accepted=None, words=f"the image's parser cannot be asked: {error.problem.message}")

    async def host(self, plan: Plan | None, data_root: str | None) -> HostFacts:
        return await threads.call(host_facts, plan, data_root, self._hf_cache, self._environ)

    async def tag(self, image: str) -> Tag:
        from nemotui.adapters.registry import ask_for

        return await ask_for(image)

    async def hub(self, repo: str) -> Hub:
        from nemotui.adapters.hub import ask_hub

        return await ask_hub(repo, self._environ, await threads.call(token, self._hf_cache, self._environ))
