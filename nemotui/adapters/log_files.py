"""Logs saved to files: under a name of their own while they are written, so that one that is there is complete."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from nemotui.adapters import threads
from nemotui.core.errors import FailedError
from nemotui.core.file_names import timed_name
from nemotui.core.ports import Clock
from nemotui.core.text import plain_line
from nemotui.whole_file import whole_file


class LogsFolder:
    """`core.stores.LogFiles`: a folder that only its owner reads, since a log may hold prompts."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    async def write(self, container: str, chunks: AsyncGenerator[bytes, None]) -> tuple[str, int]:
        path = self._folder / f"{timed_name(self._clock.now(), container, 'container')}.log"
        return plain_line(str(path)), await write_whole(path, chunks)


async def write_whole(path: Path, chunks: AsyncGenerator[bytes, None]) -> int:
    """Write them to this file, which is replaced when all are there; how many bytes that were.

    Raises `FailedError` where it cannot be written, and what the chunks raise; then the file is as it was.
    """
    size = 0
    try:
        with contextlib.ExitStack() as stack:
            file = await threads.call(stack.enter_context, whole_file(path, private=True))
            async with aclosing(chunks):
                async for chunk in chunks:
                    await threads.call(file.write, chunk)
                    size += len(chunk)
            await threads.call(stack.pop_all().close)
    except OSError as error:
        fix = "Make room, or name another place."
        raise FailedError("log_not_saved", f"{plain_line(str(path))}: {error.strerror}", fix) from None
    return size
