"""The chat in a real terminal, on the pretend server: an editor of one's own, a reply stopped, a conversation that is
there again in the next console.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ports import free_port
from tests.real.terminal import console

pytestmark = pytest.mark.real


def test_a_conversation_by_keys_and_once_more(home: dict[str, str], tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "from the editor\\nin two lines" > "$1"\n')
    editor.chmod(0o700)
    arguments = ["--demo", "2xh100", "--port", str(free_port())]
    with console(arguments, {**home, "VISUAL": str(editor)}, (100, 30)) as t:
        t.wait_for("NVIDIA H100 80GB HBM3")
        t.keys("F3")
        t.wait_for("VERDICT")
        t.keys("Enter")
        t.wait_for("Preflight")
        t.keys("Enter")
        t.wait_for(r"● nemotron-super")
        t.keys("F6")
        t.wait_for("Ask nemotron-super")
        t.text("/budget 30")
        t.keys("Enter")
        t.wait_for(r"reasoning full · budget 30 · F7")
        t.keys("C-e")
        t.wait_for(r"│ in two lines")
        t.keys("Enter")
        t.wait_for(r"❯ from the editor")
        t.wait_for(r"▸ thought for .* tokens")
        t.keys("Escape")
        t.wait_for(r"· stopped")
        t.keys("Escape")
        t.wait_for("t Thinking")
        t.keys("t")
        t.wait_for("▾ thought for")
        t.keys("n")
        t.wait_for("Ask nemotron-super")
        t.keys("o")
        t.wait_for("from the editor in two lines +1 question")
        t.keys("Enter")
        t.wait_for(r"· stopped")
        t.keys("q")
        t.wait_for("exit code 0")
    with console(arguments, {**home, "VISUAL": "noeditor"}, (100, 30)) as t:
        t.wait_for("NVIDIA H100 80GB HBM3")
        t.keys("F6")
        t.wait_for("No server answers yet")
        t.keys("C-e")
        t.wait_for("noeditor")
        t.keys("Escape")
        t.wait_for("o Open")
        t.keys("o")
        t.wait_for("Stored conversations")
        t.keys("Enter")
        t.wait_for(r"❯ from the editor")
        t.keys("q")
        t.wait_for("exit code 0")
