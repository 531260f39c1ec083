"""What we leave on this machine, put together: the bundles of incidents, and the list of everything that is left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nemotui.core.leavings import Leavings
from nemotui.core.models import Catalog
from nemotui.core.ports import Clock, ContainerRuntime
from nemotui.core.secret_args import is_secret_name
from nemotui.core.stores import IncidentStore
from nemotui.settings import Settings

if TYPE_CHECKING:
    from nemotui.adapters.docker import DockerEngine
    from nemotui.adapters.runs import RunsFolder


def docker_engine(settings: Settings) -> DockerEngine:
    """The local Docker Engine, with what we keep of it."""
    from nemotui.adapters.docker import DockerEngine
    from nemotui.adapters.kept_names import KeptNames

    return DockerEngine(
        adopted=KeptNames(settings.adopted_file),
        fetched=KeptNames(settings.fetched_file),
        key_file=settings.key_file.absolute(),
    )


def incident_store(settings: Settings, key: str | None, clock: Clock) -> IncidentStore:
    """The bundles, and every secret of our own environment to be kept out of them."""
    from nemotui.adapters.incidents import IncidentFolder

    secrets = [value for name, value in os.environ.items() if is_secret_name(name) and value]
    return IncidentFolder(settings.incidents_dir, [*secrets, *([key] if key else [])], clock)


def left_here(settings: Settings, runtime: ContainerRuntime, runs: RunsFolder, catalog: Catalog) -> Leavings:
    """Everything that is left, of the engine's only where it is a real one."""
    from nemotui.adapters.docker import DockerEngine
    from nemotui.adapters.leavings import LeftHere

    return LeftHere(
        engine=runtime if isinstance(runtime, DockerEngine) else None,
        runs=runs,
        catalog=catalog,
        hf_cache=settings.hf_cache,
        vllm_cache=settings.vllm_cache,
        folders={
            "conversations": settings.conversations_dir,
            "labs": settings.lab_dir,
            "handovers": settings.handover_dir,
            "logs": settings.logs_dir,
            "incidents": settings.incidents_dir,
        },
        starts=settings.starts_file,
        keys=settings.key_file,
    )
