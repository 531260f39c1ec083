"""Which containers of others our user has adopted: a running one takes no more labels, so a small file keeps it."""

from __future__ import annotations

import os
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

import msgspec

from nemotui.core.errors import FailedError

_LIMIT = 1024 * 1024
_KEPT = 100  # the newest: a container lives shorter than this list


class AdoptedFile:
    """The ids as a JSON list; a file that cannot be read is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ids(self) -> Set[str]:
        """Those that count as ours."""
        return frozenset(self._read())

    def add(self, container_id: str) -> None:
        """Keep it. Raises `FailedError` where it cannot be written."""
        kept = [container_id, *(old for old in self._read() if old != container_id)][:_KEPT]
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(kept) + b"\n")
            part.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            message = f"the adoption cannot be kept in {self._path}: {error.strerror}"
            raise FailedError("state", message, "Make room, or set NEMOTUI_STATE_DIR.") from None

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_LIMIT), type=list[str])
        except (OSError, ValueError, RecursionError):
            return []
