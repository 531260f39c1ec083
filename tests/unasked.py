"""The questions to a container engine that a test's own engine has no answer to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from nemotui.core.errors import NothingThereError
from nemotui.core.leavings import Leaving
from nemotui.core.logs import LogLine
from nemotui.core.plan import ContainerSpec
from nemotui.core.ports import Container


class Unasked:
    """A base for engines that a test writes the script for: what it does not script, nobody shall ask."""

    async def spec(self, container_id: str) -> ContainerSpec:
        """Nothing is known, as of a container that is gone."""
        raise NothingThereError("no_container", f"No such container: {container_id}")

    async def document(self, container_id: str) -> Mapping[str, Any]:
        raise NotImplementedError

    async def processes(self, container_id: str) -> Sequence[int]:
        return ()

    async def adopt(self, container_id: str) -> None:
        raise NotImplementedError

    async def rename(self, container_id: str, name: str) -> None:
        raise NotImplementedError

    def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        raise NotImplementedError

    def raw_log(self, container_id: str) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def start_again(self, container_id: str) -> Container:
        raise NotImplementedError


class Tidy:
    """Where nothing is left and nothing is kept; it notes which processes were ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []

    async def found(self) -> Sequence[Leaving]:
        return ()

    async def remove(self, leaving: Leaving) -> None:
        raise NotImplementedError

    async def save(self, name: str, files: Mapping[str, str], path: str | None = None) -> str:
        raise NotImplementedError

    async def end_process(self, pid: int, container_id: str) -> None:
        self.ended.append((pid, container_id))
