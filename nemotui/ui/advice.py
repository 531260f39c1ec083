"""All that there is to say of the server, over everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from nemotui.core.advisor import Advice
from nemotui.ui.keys import bindings
from nemotui.ui.widgets.key_bar import KeyBar


class AdviceScreen(ModalScreen[None], inherit_bindings=False):
    """What is seen, and the setting that would help."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("advice")

    def __init__(self, advice: Iterable[Advice], *, serving: bool) -> None:
        super().__init__()
        self._serving = serving
        self._advice = tuple(advice)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            for advice in self._advice:
                colour = "$error" if advice.kind == "hung" else "$warning"
                yield Static(Content.assemble((f"{advice.message}.", f"bold {colour}"), f"\n{advice.fix}.\n"))
            if not self._advice:
                well = "There is nothing to say of the server: all is well, as far as it tells."
                yield Static(Content(f"{well if self._serving else 'No server answers: there is nothing to say.'}\n"))
            yield KeyBar()
