"""A slow line to the terminal: how it is noticed, that less is drawn then, and that a key is answered at once."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ui.conftest import ConsoleFactory

_WHERE_IS_THE_CURSOR, _THERE = b"\x1b[6n", b"\x1b[1;1R"
_ASKED = 3  # times, of which the shortest counts
_FAR_S = 0.3
_PATIENCE_S = 60.0


class _Line:
    """The other side of a console's terminal, which answers after `delay_s` where its cursor is."""

    def __init__(self, terminal: int, delay_s: float) -> None:
        self.asked = 0
        self.seen = b""
        self._terminal = terminal
        self._delay_s = delay_s

    def until(self, text: bytes) -> None:
        """Read, and answer, until this was written."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in self.seen:
            assert select.select([self._terminal], [], [], deadline - time.monotonic())[0], f"{text!r} never came"
            data = os.read(self._terminal, 65536)
            self.seen += data
            for _ in range(data.count(_WHERE_IS_THE_CURSOR)):
                self.asked += 1
                time.sleep(self._delay_s)
                os.write(self._terminal, _THERE)

    def until_asked(self) -> None:
        """Until it has been measured, and what follows from it was drawn: the help is painted after it."""
        while self.asked < _ASKED:
            self.until(_WHERE_IS_THE_CURSOR)
            self.seen = self.seen.replace(_WHERE_IS_THE_CURSOR, b"")
        os.write(self._terminal, b"?")
        self.until(b"Hold the picture")


@contextmanager
def _console(state: Path, delay_s: float, *flags: str) -> Iterator[_Line]:
    ours, its = pty.openpty()
    argv = [sys.executable, "-m", "nemotui", "--demo", *flags]
    variables = {
        **os.environ,
        "TERM": "xterm-256color",
        "NEMOTUI_STATE_DIR": str(state),
        "COLUMNS": "120",
        "LINES": "40",
    }
    with subprocess.Popen(argv, stdin=its, stdout=its, stderr=its, env=variables, start_new_session=True) as console:
        os.close(its)
        try:
            yield _Line(ours, delay_s)
        finally:
            console.kill()
            os.close(ours)


def test_a_terminal_that_answers_late_is_on_a_slow_line(tmp_path: Path) -> None:
    with _console(tmp_path, _FAR_S) as line:
        line.until_asked()
        line.until(b"slow line")


def test_a_terminal_that_answers_at_once_is_not(tmp_path: Path) -> None:
    with _console(tmp_path, 0.0) as line:
        line.until_asked()
        assert b"slow line" not in line.seen


def test_who_says_that_the_line_is_slow_is_believed(tmp_path: Path) -> None:
    with _console(tmp_path, 0.0, "--slow") as line:
        line.until(b"slow line")
        assert line.asked == 0


@pytest.mark.anyio
async def test_on_a_slow_line_a_picture_waits_unless_a_key_was_pressed(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.hold()
        c.main._slow_down()
        pane, state = c.pane("gpus"), c.main.states["gpus"]
        pane.state = replace(state, engine="first")
        await c.until("Docker first")
        pane.state = replace(state, engine="second")
        await c.pilot.pause()
        assert "Docker first" in c.text
        await c.press("down")
        await c.until("Docker second")
        assert "slow line" in c.text
