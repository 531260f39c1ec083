"""The stored conversations, to choose one from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from nemotui.core.stores import StoredConversation
from nemotui.ui.keys import bindings
from nemotui.ui.widgets.choices import Choices
from nemotui.ui.widgets.key_bar import KeyBar


class Conversations(ModalScreen[str | None], inherit_bindings=False):
    """A list, newest first; dismissed with the name of the chosen one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("conversations")

    def __init__(self, listed: Sequence[StoredConversation], left: int) -> None:
        super().__init__()
        self._listed, self._left = listed, left

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            older = f", and {self._left:,} older: /open NAME" if self._left else ""
            yield Static(Content(f"Stored conversations{older}"), id="question")
            if self._listed:
                yield Choices(*(Option(_line(each), disabled=bool(each.problem)) for each in self._listed))
            else:
                yield Static(Content("None yet: each is stored when its first answer has ended."))
            yield KeyBar({"choices-take": "Open"})

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        self.dismiss(self._listed[event.option_index].name)

    def action_back(self) -> None:
        """None of them."""
        self.dismiss(None)


def _line(each: StoredConversation) -> Content:
    saved = datetime.fromtimestamp(each.saved_at).astimezone().strftime("%d %b %H:%M")
    if each.problem:
        return Content.assemble((f"{saved}  ", "$muted"), (f"{each.name}: {each.problem}", "$error"))
    questions = "1 question" if each.turns == 1 else f"{each.turns} questions"
    return Content.assemble(
        (f"{saved}  ", "$muted"),
        (each.title or each.name, "bold"),
        (f"  {questions} · {each.model or 'n/a'}", "$muted"),
    )
