"""The pretend model cache: empty at first, and filled by whoever fetches a model, in the time that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nemotui.core.ports import Clock


@dataclass(frozen=True, slots=True)
class _Transfer:
    """Bytes that arrive evenly from `begins` to `ends`, unix seconds, while `goes_on`; `held` were there before."""

    begins: float
    ends: float
    held: int
    total: int
    goes_on: Callable[[], bool]


class PretendHub:
    """`core.ports.ModelCache` of a pretend machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, int] = {}
        self._transfers: dict[str, _Transfer] = {}

    async def held_bytes(self, repo: str) -> int:
        return self.held(repo)

    def held(self, repo: str) -> int:
        """What is there now; what a transfer brought stays when it is broken off."""
        transfer = self._transfers.get(repo)
        if transfer is not None:
            share = (self._clock.now() - transfer.begins) / max(transfer.ends - transfer.begins, 1e-9)
            if transfer.goes_on():
                here = transfer.held + (transfer.total - transfer.held) * min(1.0, max(0.0, share))
                self._held[repo] = max(self._held.get(repo, 0), int(here))
            if share >= 1 or not transfer.goes_on():
                del self._transfers[repo]
        return self._held.get(repo, 0)

    def missing(self, repo: str, total: int) -> float:
        """The share of it that is not there, 0..1."""
        return 1 - min(1.0, self.held(repo) / total)

    def fetch(self, repo: str, total: int, *, begins: float, ends: float, goes_on: Callable[[], bool]) -> None:
        """Let the rest of it arrive between these unix times."""
        self._transfers[repo] = _Transfer(begins, ends, self.held(repo), total, goes_on)
