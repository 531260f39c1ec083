"""Short lists that outlive us in the state directory: the containers that were adopted, the images that we fetched."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from nemotui.adapters.state_file import keep_state, read_state

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
        keep_state(self._path, [name, *(old for old in self._read() if old != name)][:_KEPT])

    def _read(self) -> list[str]:
        return read_state(self._path, list[str]) or []
