"""Short lists that outlive us in the state directory: the containers that were adopted, the images that we fetched."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import msgspec

from nemotui.core.errors import FailedError
from nemotui.whole_file import whole_file

_LIMIT = 1024 * 1024
_KEPT = 100  # the newest


class KeptNames:
    """Names as a JSON list; a file that cannot be read is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> Set[str]:
        """Those that are kept."""
        return frozenset(self._read())

    def add(self, name: str) -> None:
        """Keep it. Raises `FailedError` where it cannot be written."""
        kept = [name, *(old for old in self._read() if old != name)][:_KEPT]
        try:
            with whole_file(self._path, private=True) as file:
                file.write(msgspec.json.encode(kept) + b"\n")
        except OSError as error:
            message = f"{self._path} cannot be written: {error.strerror}"
            raise FailedError("state", message, "Make room, or set NEMOTUI_STATE_DIR.") from None

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_LIMIT), type=list[str])
        except (OSError, ValueError, RecursionError):
            return []
