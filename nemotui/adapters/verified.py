"""The newest trust checks of each server, in one file of the state directory."""

from __future__ import annotations

from pathlib import Path

from nemotui.adapters import threads
from nemotui.adapters.state_file import keep_state, read_state
from nemotui.core.verified import Verified

_KEPT = 50  # servers, the newest


class VerifiedFile:
    """`core.stores.VerifiedStore`. A file that cannot be read is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def keep(self, verified: Verified) -> None:
        """In the place of an older one of the same server and model."""
        await threads.call(lambda: self._keep(verified))

    async def last(self, base_url: str, model: str) -> Verified | None:
        """The newest of this server and model."""
        kept = await threads.call(self._read)
        return next((each for each in kept if (each.base_url, each.model) == (base_url, model)), None)

    def _keep(self, verified: Verified) -> None:
        of = verified.base_url, verified.model
        others = [each for each in self._read() if (each.base_url, each.model) != of]
        keep_state(self._path, [verified, *others][:_KEPT])

    def _read(self) -> list[Verified]:
        return read_state(self._path, list[Verified]) or []
