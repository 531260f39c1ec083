"""The key of our own server that listens to the network: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from nemotui.adapters import threads
from nemotui.core.errors import FailedError
from nemotui.core.text import plain_line
from nemotui.whole_file import whole_file

_VARIABLE = "VLLM_API_KEY"
_LIMIT = 4096
_BYTES = 32


class KeyFile:
    """`core.stores.KeyStore`. The file is a Docker env file, so that `docker run --env-file` takes the key from it.

    `given` is a key that the user has given otherwise; it goes into the file in place of one of our making.
    """

    def __init__(self, path: Path, given: str | None = None) -> None:
        self.path = str(path.absolute())
        self._path = path
        self._given = given
        self._kept: str | None = None

    def key(self) -> str | None:
        """What the file holds; None where it holds no key, or cannot be read."""
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    async def ensure(self) -> str | None:
        """The file holds a key from now on; returned is one that was made just now, to be shown once.

        Raises `FailedError` where the file cannot be written.
        """
        return await threads.call(self._ensure)

    def _read(self) -> str | None:
        try:
            with self._path.open("rb") as file:
                text = file.read(_LIMIT).decode("ascii")
        except (OSError, UnicodeDecodeError):
            return None
        name, _, value = text.strip().partition("=")
        return value if name == _VARIABLE and value and value.isprintable() and " " not in value else None

    def _ensure(self) -> str | None:
        kept = self._read()
        made = None if self._given or kept else secrets.token_urlsafe(_BYTES)
        key = self._given or kept or made
        if key != kept:
            self._write(key or "")
        with suppress(OSError):  # whoever may have widened it
            self._path.chmod(0o600)
        self._kept = key
        return made

    def _write(self, key: str) -> None:
        try:
            with whole_file(self._path, private=True) as file:
                file.write(f"{_VARIABLE}={key}\n".encode("ascii"))
        except OSError as error:
            message = f"the server's key cannot be kept in {plain_line(str(self._path))}: {error.strerror}"
            raise FailedError("state", message, "Make room, or set NEMOTUI_STATE_DIR.") from None
