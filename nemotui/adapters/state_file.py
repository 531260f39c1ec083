"""A small JSON file of the state directory, for its owner alone: read as if it could hold anything, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from nemotui.core.errors import FailedError
from nemotui.core.text import plain, plain_line, plain_values
from nemotui.whole_file import whole_file

_LIMIT = 4 * 1024 * 1024
T = TypeVar("T")


def read_state(path: Path, kind: type[T]) -> T | None:
    """What the file holds, its text made plain; None where it is not there, too long, or not of this `kind`."""
    try:
        with path.open("rb") as file:
            return msgspec.convert(plain_values(msgspec.json.decode(file.read(_LIMIT)), plain), kind)
    except (OSError, ValueError, RecursionError):
        return None


def keep_state(path: Path, value: object) -> None:
    """Write it. Raises `FailedError` where that cannot be."""
    try:
        with whole_file(path, private=True) as file:
            file.write(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
    except OSError as error:
        message = f"{plain_line(str(path))} cannot be written: {error.strerror}"
        raise FailedError("state", message, "Make room, or set NEMOTUI_STATE_DIR.") from None
