"""Containers of one name: the one that is in the way, and the one that somebody else has made just now."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from nemotui.core.errors import NothingThereError
from nemotui.core.plan import ContainerSpec
from nemotui.core.ports import Clock, Container, ContainerRuntime

POLL_S: Final = 1.0
LOST_RACE: Final = ("name_taken", "no_container")  # what the engine says to the slower of two that start the same
_BEING_STARTED_S: Final = 60.0  # a container is created, then started; this old it was left behind
_LOOKS: Final = 5


async def of_that_name(runtime: ContainerRuntime, spec: ContainerSpec) -> list[Container]:
    """Ours."""
    return [c for c in await runtime.containers() if c.name == spec.name and c.ours]


async def winner(runtime: ContainerRuntime, spec: ContainerSpec, clock: Clock) -> Container | None:
    """The container of ours that somebody else has made of this name: the engine knows its name before it shows it."""
    for _ in range(_LOOKS):
        with suppress(NothingThereError):
            holder = await runtime.inspect(spec.name)
            return holder if holder.ours else None
        await clock.sleep(POLL_S)
    return None


def in_use(containers: list[Container], clock: Clock) -> Container | None:
    """The one that has not ended; one that is created only is on its way, while it is young."""
    now = clock.now()
    for container in containers:
        young = container.created_at is not None and now - container.created_at < _BEING_STARTED_S
        if container.going_on or (container.state == "created" and young):
            return container
    return None
