"""The lab's files: a file of prompts that is read, and what came of them, kept for its owner alone."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from nemotui.adapters import threads
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.file_names import timed_name
from nemotui.core.lab_prompts import FILE_LIMIT, LabPrompt, parse_prompts
from nemotui.core.ports import Clock
from nemotui.core.text import plain_line
from nemotui.whole_file import whole_file

_TRIES = 1000


class LabFolder:
    """`core.stores.LabStore`: a folder with a directory for each lab, which has both its files or is not there."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    async def prompts(self, path: str) -> tuple[LabPrompt, ...]:
        return await read_prompts(path)

    async def save(self, name: str, document: Mapping[str, Any], text: str) -> str:
        return await threads.call(self._save, name, document, text)

    def _save(self, name: str, document: Mapping[str, Any], text: str) -> str:
        stem = timed_name(self._clock.now(), name, "lab")
        part = self._folder / f".{stem}.{secrets.token_hex(4)}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.mkdir(mode=0o700)
            with whole_file(part / "lab.json", private=True) as file:
                file.write(msgspec.json.format(msgspec.json.encode(document), indent=2))
            with whole_file(part / "lab.md", private=True) as file:
                file.write(text.encode("utf-8", "replace"))
            return plain_line(str(self._named(part, stem)))
        except OSError as error:
            what = f"the lab cannot be kept in {plain_line(str(self._folder))}: {error.strerror}"
            raise FailedError("lab_not_saved", what, "Make room, or set state_dir to another place.") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _named(self, part: Path, stem: str) -> Path:
        """Under a name that nobody has: a directory that holds files is never replaced by a rename."""
        for number in range(1, _TRIES):
            path = self._folder / (stem if number == 1 else f"{stem}-{number}")
            try:
                os.rename(part, path)
            except OSError:
                if not os.path.lexists(path):
                    raise
            else:
                return path
        raise FailedError("lab_not_saved", f"there are {_TRIES} labs called {stem}", "Remove some.")


async def read_prompts(path: str) -> tuple[LabPrompt, ...]:
    """The prompts of a file; raises `UsageError` for one that cannot be read, or is none."""
    return await threads.call(_read, path)


def _read(path: str) -> tuple[LabPrompt, ...]:
    shown = plain_line(path)
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, RuntimeError, ValueError) as error:  # also an unknown ~user, and a null byte
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise UsageError("prompts", f"cannot read {shown}: {why}", "Name a file of prompts.") from None
    return parse_prompts(data, shown)
