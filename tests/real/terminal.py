"""A real terminal for the console: tmux types the keys and tells what is on the screen."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import psutil

PATIENCE_S = 60.0  # a machine that runs the whole suite at once is slow; nothing here measures time


class Terminal:
    """One tmux window of its own server, so that no other tmux on this machine is touched."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def keys(self, *keys: str) -> None:
        """Type keys by tmux's names (`Enter`, `Escape`, `F2`, `C-p`, `q`)."""
        for key in keys:
            self._tmux("send-keys", key)

    def burst(self, *keys: str) -> None:
        """Type keys in one go, as a slow line delivers them."""
        self._tmux("send-keys", *keys)

    def text(self, text: str) -> None:
        """Type text as it stands."""
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        """What a person sees now."""
        return self._tmux("capture-pane", "-p")

    def raw(self) -> str:
        """The same with its colours, as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def clipboard(self) -> str:
        """What programs have sent to the clipboard (OSC 52) since `take_clipboard`."""
        return self._tmux("show-buffer")

    def take_clipboard(self) -> None:
        """As `set -g set-clipboard on` in a tmux.conf: what a program copies is taken."""
        self._tmux("set-option", "-g", "set-clipboard", "on")

    def modes(self) -> str:
        """Alternate screen, mouse reports, cursor: `0 0 1` where a program has left the terminal as it was."""
        return self._tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").strip()

    def child(self) -> int:
        """The process id of the console: the child of the window's shell."""
        (child,) = psutil.Process(int(self._tmux("display-message", "-p", "#{pane_pid}"))).children()
        return child.pid

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def wait_for(self, pattern: str, patience_s: float = PATIENCE_S) -> str:
        """The screen once the pattern is on it; fails with the last screen where it never comes."""
        deadline = time.monotonic() + patience_s
        while True:
            screen = self.screen()
            if re.search(pattern, screen):
                return screen
            if time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} did not appear within {patience_s:.0f} s on:\n{screen}")
            time.sleep(0.1)

    def wait_until_gone(self, pattern: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until the pattern has left the screen."""
        deadline = time.monotonic() + patience_s
        while re.search(pattern, screen := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} is still there after {patience_s:.0f} s on:\n{screen}")
            time.sleep(0.1)

    def _tmux(self, *words: str) -> str:
        argv = ["tmux", "-L", self._socket, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout


def program(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """`nemotui` with these arguments and variables, as a command."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    return ["env", "-u", "COLUMNS", "-u", "LINES", *variables, sys.executable, "-m", "nemotui", *arguments]


def console(
    arguments: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (120, 40)
) -> AbstractContextManager[Terminal]:
    """`nemotui` with these arguments in a terminal."""
    return terminal(program(arguments, environment), size)


@contextmanager
def terminal(command: Sequence[str], size: tuple[int, int] = (120, 40)) -> Iterator[Terminal]:
    """A program in a terminal; its exit code is on the screen when it has ended."""
    socket = f"nemotui-test-{uuid.uuid4().hex[:12]}"
    shell = 'sh -c \'"$@"; echo "exit code $?"; exec sleep 600\' sh'
    new = ["tmux", "-L", socket, "-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1])]
    # tmux hands its command to a shell as one string: quote each word.
    subprocess.run([*new, f"{shell} {shlex.join(command)}"], check=True, timeout=30)
    try:
        yield Terminal(socket)
    finally:
        subprocess.run(["tmux", "-L", socket, "kill-server"], check=False, timeout=30)
