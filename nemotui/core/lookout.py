"""What a start does besides writing its log: bytes that arrive in the model cache, and GPUs that fill and work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from nemotui.core.errors import NemotuiError
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.measured import newest_start, setup_of
from nemotui.core.phases import Expectation
from nemotui.core.plan import ALL_GPUS
from nemotui.core.ports import Backends, Container
from nemotui.core.rate import Rate
from nemotui.core.serve_args import model_of

LOOK_S: Final = 2.0
_STIRS_BYTES: Final = 64 * 1024**2  # less than that of a GPU's memory may be anybody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """The model's files in the cache: `held_bytes` of `total_bytes`, None where the catalogue does not know it."""

    repo: str
    held_bytes: int
    total_bytes: int | None
    bytes_per_s: float | None = None
    eta_s: float | None = None

    @property
    def growing(self) -> bool:
        return bool(self.bytes_per_s)

    @property
    def whole(self) -> bool:
        """All of it is there, as far as the catalogue's figure, which is rounded, can tell."""
        return self.total_bytes is not None and self.held_bytes >= 0.98 * self.total_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look; None where there is nothing to look at. `gpu_*` are sums over the GPUs of the container.

    `local`: the model is a folder, and nothing is fetched. `sign_at`: the unix time of the last look at which bytes
    had come or a GPU had stirred.
    """

    fetch: Fetch | None = None
    gpu_used_bytes: int | None = None
    gpu_total_bytes: int | None = None
    gpus: int = 0
    local: bool = False
    sign_at: float | None = None


NOTHING_SEEN: Final = Sight()


class FetchWatch:
    """How much of a repository's files is in the model cache, again and again."""

    def __init__(self, b: Backends, repo: str) -> None:
        self._b = b
        self._repo = repo
        self._rate = Rate()

    async def look(self) -> Fetch:
        """What is there now."""
        held, total = await self._b.cache.held_bytes(self._repo), self._b.catalog.disk_bytes(self._repo)
        self._rate = self._rate.after(self._b.clock.monotonic(), held)
        return Fetch(
            repo=self._repo,
            held_bytes=held,
            total_bytes=total,
            bytes_per_s=self._rate.bytes_per_s,
            eta_s=self._rate.eta_s(total),
        )


class Lookout:
    """Looks at one container's start, again and again. `b` are the backends that it looks through."""

    def __init__(self, b: Backends, container: Container) -> None:
        self._b = b
        self._container = container
        repo = model_of(container.args)
        self._fetch = FetchWatch(b, repo) if repo and not repo.startswith("/") else None
        self._sight = NOTHING_SEEN

    async def expectation(self) -> Expectation:
        """How long this start should take: by the last one of the same setup, else what is typical."""
        setup = setup_of(self._container, await self._machine())
        starts = self._b.starts.all() if self._b.starts else self._b.catalog.starts
        start = newest_start(starts, setup) if setup else None
        return (start.expectation if start else None) or self._b.typical

    async def look(self) -> Sight:
        """What is to be seen now."""
        now, before = self._b.clock.now(), self._sight
        sight = replace(self._gpus(await self._machine()), fetch=await self._fetch.look() if self._fetch else None)
        stirs = sight.sign_at is not None
        if sight.fetch is not None and before.fetch is not None:
            stirs |= sight.fetch.held_bytes > before.fetch.held_bytes
        if sight.gpu_used_bytes is not None and before.gpu_used_bytes is not None:
            stirs |= abs(sight.gpu_used_bytes - before.gpu_used_bytes) > _STIRS_BYTES
        self._sight = replace(sight, local=self._fetch is None, sign_at=now if stirs else before.sign_at)
        return self._sight

    async def _machine(self) -> Machine | None:
        try:
            return await self._b.probe.sample()
        except NemotuiError:
            return None

    def _gpus(self, machine: Machine | None) -> Sight:
        gpus = [gpu for gpu in machine.gpus if _given(gpu, self._container)] if machine else []
        if not gpus:
            return NOTHING_SEEN
        busy = any(gpu.utilization_percent for gpu in gpus)
        return Sight(
            gpu_used_bytes=_sum(gpu.memory_used_bytes for gpu in gpus),
            gpu_total_bytes=_sum(gpu.memory_total_bytes for gpu in gpus),
            gpus=len(gpus),
            sign_at=self._b.clock.now() if busy else None,
        )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _given(gpu: Gpu, container: Container) -> bool:
    return container.gpus == ALL_GPUS or gpu.uuid in container.gpus
