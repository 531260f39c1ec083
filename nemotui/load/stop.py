"""Being asked to end: noted at any time, and raised only where nothing is half done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKS = (signal.SIGTERM, signal.SIGINT)


class StoppedError(Exception):
    """The run was asked to end."""


class Stop:
    """SIGTERM and SIGINT from its making on; those that came before it, where they were held back, too."""

    def __init__(self) -> None:
        self.asked = False
        self._may_raise = False
        for number in _ASKS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal may go, the run stays
        # Whoever started us has held these back until now, so that an early one does not end us without a result.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKS)

    @contextmanager
    def may_interrupt(self) -> Iterator[None]:
        """In here `StoppedError` is raised at once, out of whatever blocks."""
        self._may_raise = True
        try:
            if self.asked:
                raise StoppedError
            yield
        finally:
            self._may_raise = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._may_raise:
            self._may_raise = False
            raise StoppedError
