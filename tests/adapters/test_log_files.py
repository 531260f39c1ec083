"""Logs saved: complete or not there, and readable by their owner alone."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.log_files import LogsFolder, write_whole
from nemotui.core.errors import FailedError, NothingThereError

pytestmark = pytest.mark.anyio


async def chunks(*parts: bytes, error: Exception | None = None) -> AsyncGenerator[bytes, None]:
    for part in parts:
        yield part
    if error:
        raise error


async def test_byte_for_byte_and_for_the_owner_alone(tmp_path: Path) -> None:
    folder = LogsFolder(tmp_path / "logs", SystemClock())
    path, size = await folder.write("../my container", chunks(b"\x1b[31m\xff\r10%\r\n", b"no end"))

    assert Path(path).parent == tmp_path / "logs"
    assert Path(path).name.endswith("Z-my-container.log")
    assert (tmp_path / "logs" / Path(path).name).read_bytes() == b"\x1b[31m\xff\r10%\r\nno end"
    assert size == 18
    assert os.stat(path).st_mode & 0o777 == 0o600


async def test_a_log_that_breaks_off_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"before")
    with pytest.raises(NothingThereError):
        await write_whole(path, chunks(b"half", error=NothingThereError("no_engine", "away", "")))
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.log"]


async def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedError, match="Make room"):
        await write_whole(tmp_path / "file" / "a.log", chunks(b"x"))
    with pytest.raises(FailedError):
        await write_whole(tmp_path, chunks(b"x"))
    assert os.listdir(tmp_path) == ["file"]
