"""The model card, over everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from nemotui.core.models import Fact


class Card(ModalScreen[None], inherit_bindings=False):
    """Facts, each with its source."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,i,enter", "dismiss", "Close", tooltip="Back to the plans", id="card-close"),
        Binding("down,j", "scroll(1)", "Down", tooltip="Scroll down", id="card-down"),
        Binding("up,k", "scroll(-1)", "Up", tooltip="Scroll up", id="card-up"),
        Binding("pagedown", "scroll(10)", "Page down", tooltip="Scroll a page down", id="card-page-down"),
        Binding("pageup", "scroll(-10)", "Page up", tooltip="Scroll a page up", id="card-page-up"),
    ]

    def __init__(self, facts: Iterable[Fact]) -> None:
        super().__init__()
        self._facts = tuple(facts)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with VerticalScroll(id="card", can_focus=False):
                for fact in self._facts:
                    words = Content.assemble((fact.name, "bold $primary"), f"\n{fact.value}\n", (fact.source, "$muted"))
                    yield Static(words)
            yield Static(
                Content.assemble(("Esc", "bold $primary"), " Close   ", ("Up Down", "bold $primary"), " Scroll")
            )

    def action_scroll(self, lines: int) -> None:
        """Move through the card."""
        self.query_one("#card").scroll_relative(y=lines, animate=False)
