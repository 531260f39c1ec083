"""The main screen's trust checks: they go on while other panes are in front, and what they found is kept."""

from __future__ import annotations

from typing import Any

from nemotui.core.errors import NemotuiError
from nemotui.core.verify import verify
from nemotui.keys.keymap import key_of
from nemotui.ui.states.trust import Aimed, Begun, LeftOut, Over, TrustState
from nemotui.ui.telling import troubles_told
from nemotui.ui.trust import TrustScreen
from nemotui.ui.workers import WorkingScreen


class Trusting(WorkingScreen, inherit_bindings=False):
    """Offered after each start, and by its key whenever a server answers."""

    trust: TrustState

    def _trusted(self, event: Any) -> None:
        self.trust = self.trust.after(event)
        for screen in self._over(TrustScreen):
            screen.show(self.trust)

    def action_verify(self) -> None:
        """The trust checks of the server that answers."""
        if self.trust.going or self._answering() is not None:
            self._work("trust-open", self._open_trust())

    async def _open_trust(self) -> None:
        sample = self.server.sample
        if sample is not None and sample.serving:
            of = sample.base_url, sample.models[0].id
            earlier = await self.b.verified.last(*of) if self.b.verified else None
            self._trusted(Aimed(*of, earlier))
        screen = TrustScreen(
            self.trust,
            self.b.clock.now,
            self._verify_now,
            self._stop_verifying,
            lambda name: self._trusted(LeftOut(name)),
        )
        await self.app.push_screen(screen)

    def _verify_now(self) -> None:
        if not self.trust.going:
            self._trusted(Begun(self.b.clock.now()))
            self._work("trust", self._verify(self.trust))

    def _stop_verifying(self) -> None:
        self.workers.cancel_group(self, "trust")
        self._trusted(Over())

    async def _verify(self, state: TrustState) -> None:
        server = self.b.server(state.base_url)
        try:
            async for check in self._each(verify(server, state.model, state.skip)):
                self._trusted(check)
            self._trusted(Over())
        except NemotuiError as error:
            self._trusted(Over(error.problem))
        finally:
            await server.close()
        self.app.bell()
        if not any(self._over(TrustScreen)):
            self.notify(f"Trust checks of {state.model}: {self.trust.counts}. {key_of('verify')} shows them.")
        if self.b.verified is not None and (verified := self.trust.verified) is not None:
            with troubles_told(self):
                await self.b.verified.keep(verified)
