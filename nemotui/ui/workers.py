"""What the parts of the main screen share: what they act on, and workers that live long, one of a kind at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

from textual.screen import Screen

from nemotui.core.ports import Backends
from nemotui.core.watch import ServerSample
from nemotui.keys.keymap import key_of
from nemotui.ui.modals import Ask
from nemotui.ui.options import Options
from nemotui.ui.states.server import ServerState

E = TypeVar("E")
S = TypeVar("S", bound=Screen[Any])


class WorkingScreen(Screen[None], inherit_bindings=False):
    """`states` are the panes', which `_next` brings one further by an event; `server` is the status line's.

    Its workers live in exclusive groups: a new one of a group ends the one before.
    """

    def __init__(self, backends: Backends, options: Options) -> None:
        super().__init__()
        self.b = backends
        self.options = options
        self.states: dict[str, Any] = {}
        self.server = ServerState(price_per_hour=options.price_per_hour, idle_after_s=options.idle_after_s)

    def _next(self, name: str, event: Any) -> None:
        raise NotImplementedError

    def _answering(self) -> ServerSample | None:
        """The server that answers; None, and it is said, where there is none."""
        if self.server.sample is not None and self.server.sample.serving:
            return self.server.sample
        self.notify(f"No server answers yet. Press {key_of('deploy')} to deploy one.", severity="warning")
        return None

    def _agreed(self, question: str, verb: str, group: str, work: Callable[[], Any], details: str = "") -> None:
        """Ask, and set to work where the answer is yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                self._work(group, work())

        self.app.push_screen(Ask(question, verb, details), answered)

    def _over(self, kind: type[S]) -> Iterator[S]:
        """Screens of this kind that lie over the console, also under a dialog; none any more once it ends."""
        stack = self.app.screen_stack if self.app.is_running else ()
        return (screen for screen in stack if isinstance(screen, kind))

    def _work(self, group: str, work: Any) -> None:
        self.run_worker(work, group=group, exclusive=True)

    def _working(self, group: str) -> bool:
        return any(worker.group == group and not worker.is_finished for worker in self.workers)

    @staticmethod
    async def _each(events: AsyncGenerator[E, None]) -> AsyncGenerator[E, None]:
        """The events, and the generator closed at once when its reader is cancelled."""
        async with aclosing(events):
            async for event in events:
                yield event
