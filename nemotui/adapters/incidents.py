"""Incident bundles: one tar.gz each, for its owner's eyes, without the secrets that we know of."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from nemotui.adapters import threads
from nemotui.core.errors import FailedError
from nemotui.core.file_names import timed_name
from nemotui.core.incident import scrubbed
from nemotui.core.ports import Clock
from nemotui.whole_file import whole_file


class IncidentFolder:
    """`core.stores.IncidentStore`. `secrets` are taken out of every file once more."""

    def __init__(self, folder: Path, secrets: Sequence[str], clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._secrets = tuple(secrets)

    async def save(self, name: str, files: Mapping[str, str], path: str | None = None) -> str:
        """Write the bundle and return its path; whole or not at all."""
        target = Path(path) if path else self._folder / f"{timed_name(self._clock.now(), name, 'incident')}.tar.gz"
        return await threads.call(lambda: self._write(target, name, files))

    def _write(self, target: Path, name: str, files: Mapping[str, str]) -> str:
        try:
            with whole_file(target, private=True) as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
                for each, text in files.items():
                    data = scrubbed(text, self._secrets).encode(errors="replace")
                    entry = tarfile.TarInfo(f"{name}/{each}")
                    entry.size, entry.mode, entry.mtime = len(data), 0o600, int(self._clock.now())
                    tar.addfile(entry, io.BytesIO(data))
        except OSError as error:
            raise FailedError(
                "bundle", f"the bundle cannot be written to {target}: {error.strerror}", "Name another file."
            ) from None
        return str(target)
