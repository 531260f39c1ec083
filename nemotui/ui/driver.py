"""The terminal's keys through the event loop.

Textual's own driver wakes a thread ten times a second to ask for them: a quarter of what a console at rest costs.
"""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.constants import ESCAPE_DELAY
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

_MOST = 4096  # bytes at once: a long paste does not hold the screen up


class TerminalDriver(LinuxDriver):
    """Textual's driver, but it waits for keys instead of looking for them."""

    def run_input_thread(self) -> None:
        """Textual's thread, which ends at once: from now on the event loop says when there is something to read."""
        self._parser = XTermParser(self._debug)
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._loop.call_soon_threadsafe(self._loop.add_reader, self.fileno, self._read)

    def disable_input(self) -> None:
        """Nobody reads any more."""
        self._loop.remove_reader(self.fileno)
        super().disable_input()

    def _read(self) -> None:
        try:
            data = os.read(self.fileno, _MOST)
        except OSError:  # so Linux says that the terminal is gone
            data = b""
        if not data:
            self._loop.remove_reader(self.fileno)
            self._app.exit()
            return
        if text := self._decode(data):  # else it ends within a character
            self._send(self._parser.feed(text))
        # An escape of which nothing more has come by then is the key of that name.
        self._loop.call_later(ESCAPE_DELAY, lambda: self._send(self._parser.tick()))

    def _send(self, events: Iterable[Message]) -> None:
        for event in events:
            self.process_message(event)
