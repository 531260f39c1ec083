"""The prompts that ship with the lab, to pick one or all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from nemotui.core.lab_prompts import LabPrompt
from nemotui.ui.keys import bindings
from nemotui.ui.widgets.choices import Choices
from nemotui.ui.widgets.key_bar import KeyBar


class PromptsScreen(ModalScreen[tuple[LabPrompt, ...]], inherit_bindings=False):
    """Enter takes the one under the cursor, Esc none."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("prompts")

    def __init__(self, prompts: Sequence[LabPrompt]) -> None:
        super().__init__()
        self._prompts = tuple(prompts)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static("Which prompt?", id="question")
            rows = [Option(_row(prompt)) for prompt in self._prompts]
            yield Choices(*rows, compact=True, markup=False)
            yield KeyBar()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        self.dismiss((self._prompts[event.option_index],))

    def action_back(self) -> None:
        """None of them."""
        self.dismiss(None)

    def action_all(self) -> None:
        """The whole set as a batch."""
        self.dismiss(self._prompts)


def _row(prompt: LabPrompt) -> Content:
    return Content.assemble(f"{prompt.name:<13}", (prompt.shows, "$muted"))
