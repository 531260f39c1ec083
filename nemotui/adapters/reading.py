"""Something blocking that is read again and again on a thread, and may hang: its last answer stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from nemotui.adapters import threads

if TYPE_CHECKING:
    from nemotui.core.ports import Clock

T = TypeVar("T")


class Reading(Generic[T]):
    """What `read` returns, asked on a thread of its own and never twice at once."""

    def __init__(self, read: Callable[[], T], clock: Clock, last: T | None = None) -> None:
        self.task: asyncio.Task[None] | None = None
        self.last = last
        self._read = read
        self._clock = clock
        self._began_at = self._read_at = clock.monotonic()

    def begin(self) -> None:
        """Read, unless that is being done."""
        if self.running:
            return
        self._began_at = self._clock.monotonic()
        self.task = asyncio.create_task(self._run())
        # Nobody may be left to take what a late reading raised.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _run(self) -> None:
        self.last = await threads.call(self._read)
        self._read_at = self._clock.monotonic()

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def failed(self) -> bool:
        return self.task is not None and self.task.done() and self.task.exception() is not None

    @property
    def waiting_s(self) -> float:
        """Since the last call began."""
        return self._clock.monotonic() - self._began_at

    @property
    def silent_s(self) -> float | None:
        """For how long there has been no answer; None where the last question has one."""
        return round(self._clock.monotonic() - self._read_at, 1) if self.running or self.failed else None

    def check(self) -> None:
        """Raise what the last reading raised."""
        if self.task and self.failed:
            self.task.result()

    async def wait(self, patience_s: float) -> None:
        """Until it has answered, but not for longer than that since it began."""
        if self.task and self.running:
            await asyncio.wait({self.task}, timeout=max(0.0, patience_s - self.waiting_s))
