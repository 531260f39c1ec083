"""The user's editor on a file of its own, for as long as it runs."""

from __future__ import annotations

import asyncio
import shlex
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nemotui.core.errors import FailedError
from nemotui.core.text import plain, plain_line

_LIMIT = 16 * 1024 * 1024


class ExternalEditor:
    """`core.ports.Editor`: $VISUAL, else $EDITOR, on this terminal. The file is 0600 and removed afterwards."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def edit(self, text: str) -> str:
        name = next((n for n in ("VISUAL", "EDITOR") if self._environ.get(n, "").strip()), None)
        if name is None:
            raise FailedError("no_editor", "no editor is named", "Set VISUAL or EDITOR, such as EDITOR=vi.")
        shown = plain_line(self._environ[name])
        try:
            argv = shlex.split(self._environ[name])
        except ValueError as error:
            raise FailedError("no_editor", f"{name}={shown}: {error}", f"Mend {name}.") from None
        with tempfile.TemporaryDirectory(prefix="nemotui-") as folder:  # 0700
            path = Path(folder, "question.md")
            try:
                _put(path, text)
                code = await _on_this_terminal([*argv, str(path)])
                written = _taken(path)
            except OSError as error:
                what = f"the editor of {name}, {shown}, cannot be run: {error.strerror}"
                raise FailedError("no_editor", what, f"Install it, or set {name} to another.") from None
        if code != 0:
            raise FailedError("editor_failed", f"{shown} ended with {code}", "The question is as it was.")
        if len(written) > _LIMIT:
            raise FailedError("editor_failed", f"the text is over {_LIMIT} bytes", "Send less.")
        return plain(written.decode("utf-8", "replace")).rstrip("\n")


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _taken(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LIMIT + 1)


async def _on_this_terminal(argv: list[str]) -> int:
    """Its exit status. A Ctrl+C that is typed into it is its own affair, though the terminal sends it to us too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, unlike SIG_IGN, is not inherited
    try:
        process = await asyncio.create_subprocess_exec(*argv)
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
    finally:
        signal.signal(signal.SIGINT, before)
