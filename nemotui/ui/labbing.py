"""The main screen's lab: asked here, so that it goes on while its own screen is closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nemotui.core.errors import NemotuiError
from nemotui.core.lab import LabOver, LabState, lab
from nemotui.core.lab_prompts import LabPrompt
from nemotui.core.lab_setting import Setting
from nemotui.core.ports import Backends
from nemotui.keys.keymap import key_of
from nemotui.ui.benching import Benching
from nemotui.ui.lab import LabScreen
from nemotui.ui.options import Options


class Labbing(Benching, inherit_bindings=False):
    """One lab at a time."""

    def __init__(self, backends: Backends, options: Options) -> None:
        super().__init__(backends, options)
        self.lab = LabState()

    def on_chat_pane_lab(self) -> None:
        """Over the console; what was asked before is still there."""
        self.app.push_screen(LabScreen(self.b, self.options, self.lab, self._begin_lab, self._stop_lab))

    def _begin_lab(self, prompts: Sequence[LabPrompt], settings: Sequence[Setting]) -> bool:
        """Whether it has begun; if not, why is said."""
        sample = self.server.sample
        if sample is None or not sample.serving:
            self.notify(
                f"No server answers yet. {key_of('lab-back')}, then {key_of('deploy')} to deploy one.",
                severity="warning",
            )
            return False
        self._work("lab", self._ask_all(sample.base_url, sample.models[0].id, prompts, settings))
        return True

    async def _ask_all(self, url: str, model: str, prompts: Sequence[LabPrompt], settings: Sequence[Setting]) -> None:
        server = self.b.server(url)
        try:
            async for event in self._each(lab(server, model, prompts, settings, self.b.clock)):
                self._lab_next(event)
        except NemotuiError as error:
            self._lab_next(LabOver(error.problem))
        finally:
            await server.close()

    def _stop_lab(self) -> None:
        self.workers.cancel_group(self, "lab")
        self._lab_next(LabOver())

    def _lab_next(self, event: Any) -> None:
        self.lab = self.lab.after(event)
        for screen in self._over(LabScreen):
            screen.show(self.lab)
