"""What the driver does when its terminal goes, and when the process is told to go on: on a pty, in a process."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

_APP = """
import asyncio, os, signal, threading
from textual.app import App
from nemotui.ui.driver import TerminalDriver

def writers():
    return sum(thread.name == "textual-output" for thread in threading.enumerate())

class Probe(App):
    async def on_ready(self):
        {ready}

app = Probe(driver_class=TerminalDriver)
app.run()
os._exit(app.return_code)
"""
_PATIENCE_S = 60.0


def _exit_code(ready: str, then: Callable[[int], None]) -> int:
    """Of an app that does this once it is ready; `then` is done at the other side of its terminal.

    It has the terminal, but is not told by a signal that this is gone: as under nohup, or for a background job.
    """
    ours, its = pty.openpty()
    argv = [sys.executable, "-c", _APP.format(ready=ready)]
    with subprocess.Popen(argv, stdin=its, stdout=its, stderr=its, start_new_session=True) as app:
        os.close(its)
        try:
            then(ours)
            return app.wait(_PATIENCE_S)
        finally:
            app.kill()


def _read(terminal: int, until: bytes) -> None:
    seen = b""
    while until not in seen:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # so Linux says that nobody has the other side any more
            return


def _vanish(terminal: int) -> None:
    _read(terminal, b"ready")
    os.close(terminal)


def test_an_event_loop_that_hangs_does_not_outlive_the_terminal() -> None:
    hangs = """
        os.write(2, b"ready")
        while True:
            pass
"""
    assert _exit_code(hangs.strip(), _vanish) == 129


def test_an_event_loop_that_waits_is_told_that_the_terminal_is_gone() -> None:
    told = """
        Probe.on_terminal_gone = lambda app: app.exit(return_code=7)
        os.write(2, b"ready")
"""
    assert _exit_code(told.strip(), _vanish) == 7


def test_a_signal_to_go_on_does_not_start_a_second_writer() -> None:
    signalled = """
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGCONT)
            await asyncio.sleep(0.2)
        self.exit(return_code=writers())
"""
    assert _exit_code(signalled.strip(), lambda terminal: _read(terminal, b"no such text")) == 1
