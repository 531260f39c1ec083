"""What a run is measured on, noted beside its figures: nothing secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nemotui import __version__
from nemotui.core.errors import NemotuiError
from nemotui.core.hardware import Machine
from nemotui.core.model_server import ModelServer
from nemotui.core.plan import ALL_GPUS
from nemotui.core.ports import Backends, Container
from nemotui.core.watch import container_url


async def run_environment(b: Backends, server: ModelServer) -> dict[str, Any]:
    """The machine, the versions, and the container of ours that is measured, if it is one. Nothing secret."""
    try:
        machine: Machine | None = await b.probe.sample()
    except NemotuiError:
        machine = None
    container = await measured_container(b, server)
    return {
        "nemotui_version": __version__,
        "pretend": b.pretend,
        "server_version": await server.version(),
        "machine": asdict(machine) if machine else None,
        "container": {**asdict(container), "labels": dict(container.labels)} if container else None,
    }


def gpus_measured(environment: Mapping[str, Any]) -> int | None:
    """How many GPUs the server of such a run was given; None of a server that is not ours."""
    machine, container = environment.get("machine"), environment.get("container")
    if not isinstance(machine, Mapping) or not isinstance(container, Mapping):
        return None
    given = container.get("gpus")
    found = machine.get("gpus") if given == ALL_GPUS else given
    return len(found) or None if isinstance(found, Sequence) and not isinstance(found, str) else None


async def measured_container(b: Backends, server: ModelServer) -> Container | None:
    """The container of ours that answers there, None where there is none."""
    try:
        containers = await b.runtime.containers()
    except NemotuiError:
        return None
    return next((c for c in containers if c.state == "running" and container_url(c) == server.base_url), None)
