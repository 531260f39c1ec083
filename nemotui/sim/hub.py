"""The pretend model cache: empty at first, and filled by whoever fetches a model, in the time that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nemotui.core.ports import Clock


@dataclass(frozen=True, slots=True)
class _Transfer:
    """Bytes that arrive evenly from `begins` to `ends`, unless it was broken off before; `held` were there already."""

    begins: float
    ends: float
    held: int
    total: int
    ended_at: Callable[[], float | None]

    def arrived(self, now: float) -> int:
        stop = self.ended_at()
        share = ((now if stop is None else min(now, stop)) - self.begins) / max(self.ends - self.begins, 1e-9)
        return int(self.held + (self.total - self.held) * min(1.0, max(0.0, share)))


class PretendHub:
    """`core.stores.ModelCache` of a pretend machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._transfers: dict[str, _Transfer] = {}

    async def held_bytes(self, repo: str) -> int:
        return self.held(repo)

    def held(self, repo: str) -> int:
        """What is there now; what a transfer brought stays when it is broken off."""
        transfer = self._transfers.get(repo)
        return transfer.arrived(self._clock.now()) if transfer else 0

    def missing(self, repo: str, total: int) -> float:
        """The share of it that is not there, 0..1."""
        return 1 - min(1.0, self.held(repo) / total)

    def fetch(self, repo: str, total: int, *, begins: float, ends: float, ended_at: Callable[[], float | None]) -> None:
        """Let the rest of it arrive between these unix times; `ended_at` tells when the one who fetches has ended."""
        self._transfers[repo] = _Transfer(begins, ends, self.held(repo), total, ended_at)
