"""The main screen's part that hands the server over: what takes long goes on while other panes are in front."""

from __future__ import annotations

from typing import Any

from nemotui.core.connect import Client, Target
from nemotui.core.errors import NemotuiError
from nemotui.core.handing_over import hand_over
from nemotui.core.watch import ServerSample
from nemotui.keys.keymap import key_of
from nemotui.ui.connect import ConnectScreen
from nemotui.ui.states.connect import Begun, ConnectState, Over
from nemotui.ui.workers import WorkingScreen


class Connecting(WorkingScreen, inherit_bindings=False):
    """A recipe for each client of the server that answers."""

    connect: ConnectState

    def _connected(self, event: Any) -> None:
        self.connect = self.connect.after(event)
        for screen in self._over(ConnectScreen):
            screen.show(self.connect)

    def action_connect(self) -> None:
        """Recipes for the server that answers."""
        if (sample := self._answering()) is None:
            return
        target = f"{sample.models[0].id} at {sample.base_url}"

        def begin(client: Client, at_length: bool) -> None:
            if self.connect.going is None:
                self._connected(Begun(client, at_length))
                self._work("connect", self._hand_over(sample, client, at_length))

        self.app.push_screen(ConnectScreen(target, self.connect, begin, self._stop_connecting))

    def _stop_connecting(self) -> None:
        self.workers.cancel_group(self, "connect")
        self._connected(Over())

    async def _hand_over(self, sample: ServerSample, client: Client, at_length: bool) -> None:
        assert self.b.handover is not None
        server = self.b.server(sample.base_url)
        to = Target(base_url=server.base_url, model=sample.models[0].id, key=self.options.key_in_shell())
        environ, clock = self.options.environ, self.b.clock
        try:
            steps = hand_over(client, server, to, environ, self.b.handover, clock, at_length=at_length)
            async for event in self._each(steps):
                self._connected(event)
            self._connected(Over())
        except NemotuiError as error:
            self._connected(Over(error.problem))
        finally:
            await server.close()
        if at_length:
            self.app.bell()
            ended = handed.ended if (handed := self.connect.of(client)) else None
            if ended is not None and not any(self._over(ConnectScreen)):
                self.notify(f"{client}: {ended.words} {key_of('connect')} shows it.")
