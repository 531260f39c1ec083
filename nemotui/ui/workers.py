"""A screen's long-lived workers: one of a kind at a time, each closing what it reads from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

from textual.screen import Screen

from nemotui.core.errors import NemotuiError

E = TypeVar("E")


class WorkingScreen(Screen[None], inherit_bindings=False):
    """A screen whose workers live in exclusive groups: a new one of a group ends the one before."""

    def _work(self, group: str, work: Any) -> None:
        self.run_worker(work, group=group, exclusive=True)

    def _working(self, group: str) -> bool:
        return any(worker.group == group and not worker.is_finished for worker in self.workers)

    @contextmanager
    def _troubles_told(self) -> Iterator[None]:
        try:
            yield
        except NemotuiError as error:
            self.notify(str(error), severity="error")

    @staticmethod
    async def _each(events: AsyncGenerator[E, None]) -> AsyncGenerator[E, None]:
        """The events, and the generator closed at once when its reader is cancelled."""
        async with aclosing(events):
            async for event in events:
                yield event
