"""The user's own command for when a start has ended: run as it is written, by no shell."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping

from nemotui.adapters import threads
from nemotui.core.errors import FailedError, UsageError


class Hook:
    """`core.ports.Announcer`: words split as a shell would, nothing expanded; in a session of its own, its output
    dropped, and nobody waits for it.
    """

    def __init__(self, command: str) -> None:
        """Raises `UsageError` for quotes that do not close."""
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            fix = "For pipes and variables: --on-ready \"sh -c '…'\"."
            raise UsageError("usage", f"--on-ready {command!r} cannot be read: {error}", fix) from None
        if not self._words:
            raise UsageError("usage", "--on-ready names no command", "Give a command, such as `notify-send`.")

    async def __call__(self, environment: Mapping[str, str]) -> None:
        """Start it with these variables besides our own. Raises `FailedError` where it cannot be started."""
        try:
            await threads.call(self._start, {**os.environ, **environment})
        except OSError as error:
            message = f"--on-ready: {self._words[0]} cannot be run: {error.strerror}"
            raise FailedError("on_ready", message, "Give the path of a program.") from None

    def _start(self, environment: Mapping[str, str]) -> None:
        subprocess.Popen(
            self._words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
