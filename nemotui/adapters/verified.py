"""The newest trust checks of each server, in one file of the state directory."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec

from nemotui.adapters import threads
from nemotui.core.errors import FailedError
from nemotui.core.text import plain, plain_values
from nemotui.core.verified import Verified
from nemotui.whole_file import whole_file

_LIMIT = 4 * 1024 * 1024
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
        kept = [asdict(each) for each in (verified, *others)[:_KEPT]]
        try:
            with whole_file(self._path, private=True) as file:
                file.write(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
        except OSError as error:
            message = f"{self._path} cannot be written: {error.strerror}"
            raise FailedError("state", message, "Make room, or set NEMOTUI_STATE_DIR.") from None

    def _read(self) -> list[Verified]:
        try:
            with self._path.open("rb") as file:
                return msgspec.convert(plain_values(msgspec.json.decode(file.read(_LIMIT)), plain), list[Verified])
        except (OSError, ValueError, RecursionError):
            return []
