"""The model card, over everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from nemotui.core.models import Fact
from nemotui.ui.keys import bindings
from nemotui.ui.widgets.key_bar import KeyBar


class Card(ModalScreen[None], inherit_bindings=False):
    """Facts, each with its source."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("card")

    def __init__(self, facts: Iterable[Fact]) -> None:
        super().__init__()
        self._facts = tuple(facts)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with VerticalScroll(id="card", can_focus=False):
                for fact in self._facts:
                    words = Content.assemble((fact.name, "bold $primary"), f"\n{fact.value}\n", (fact.source, "$muted"))
                    yield Static(words)
            yield KeyBar(scrolls="Scroll")

    def action_scroll(self, lines: int) -> None:
        """Move through the card."""
        self.query_one("#card").scroll_relative(y=lines, animate=False)
