"""The user's editor: what it leaves, and every way in which there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.adapters.editor import ExternalEditor
from nemotui.core.errors import FailedError

pytestmark = pytest.mark.anyio


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "my editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return f"'{path}' --wait"


async def test_it_gets_the_text_and_gives_it_back_plain(tmp_path: Path) -> None:
    command = script(
        tmp_path, 'cp "$2" "$0.seen"; stat -c %a "$2" > "$0.mode"; printf "new\\033[31m text\\n\\n" > "$2"'
    )
    assert await ExternalEditor({"VISUAL": command, "EDITOR": "false"}).edit("old") == "new text"
    assert (tmp_path / "my editor.seen").read_text() == "old"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "no editor is named"),
        ({"EDITOR": " "}, "no editor is named"),
        ({"EDITOR": "'"}, "EDITOR='"),
        ({"VISUAL": "no-such-editor-here"}, "VISUAL, no-such-editor-here, cannot be run"),
        ({"EDITOR": "false"}, "false ended with 1"),
    ],
)
async def test_one_that_is_missing_or_fails_is_said(environ: dict[str, str], said: str) -> None:
    with pytest.raises(FailedError, match=said):
        await ExternalEditor(environ).edit("old")
