"""Dialogs: a question that is answered by a key, and the help."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from itertools import groupby, zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from nemotui.keys.grammar import Entry
from nemotui.keys.keymap import Keymap
from nemotui.ui.keys import Action, bindings
from nemotui.ui.widgets.details import Details
from nemotui.ui.widgets.key_bar import KeyBar

_COLUMN = 16  # cells of a key, and of a name
_BESIDE = 56  # cells from which there is room for three columns


class Ask(ModalScreen[bool], inherit_bindings=False):
    """One question. Enter or y does it; Esc, n or q leaves things as they are."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("ask")

    def __init__(self, question: str, verb: str, details: str = "") -> None:
        super().__init__()
        self._question, self._verb, self._details = question, verb, details

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(Content(self._question), id="question")
            if self._details:
                with Details(id="details"):
                    yield Static(Content(self._details))
            yield KeyBar({"ask-yes": self._verb, "ask-no": "Back"})

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)


class KeyTable(Widget):
    """Key, name, and what it does beside them, or below where there is no room."""

    DEFAULT_CSS = "KeyTable { height: auto; }"

    def __init__(self, actions: Iterable[Action], keymap: Keymap) -> None:
        super().__init__()
        self._rows = [(action.entry, keymap.shown(action.entry), keymap.does(action.entry)) for action in actions]
        self._drawn: tuple[int, Content] | None = None  # for this width: a layout asks a dozen times

    def render(self) -> Content:
        return self._lines(self.content_size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._lines(width).plain.count("\n") + 1

    def _lines(self, width: int) -> Content:
        if self._drawn is None or self._drawn[0] != width:
            self._drawn = width, Content("\n").join(_line(*row, width) for row in self._rows)
        return self._drawn[1]


class Help(ModalScreen[None], inherit_bindings=False):
    """Every key, by pane, from the table itself; those of the place in front first."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(self, actions: Iterable[Action], keymap: Keymap) -> None:
        super().__init__()
        self._actions, self._keymap = list(actions), keymap

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with VerticalScroll(id="help", can_focus=False):
                for where, actions in groupby(self._actions, key=lambda action: action.where):
                    yield Static(Content(where), classes="where")
                    yield KeyTable(actions, self._keymap)
            yield KeyBar(scrolls="Scroll")

    def action_close(self) -> None:
        """Back to the console."""
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        """Move through the help."""
        self.query_one("#help").scroll_relative(y=lines, animate=False)


def _line(entry: Entry, keys: str, does: str, width: int) -> Content:
    beside = width >= _BESIDE
    indent = 2 * _COLUMN if beside else 2
    words = textwrap.wrap(does, max(10, width - indent))
    if not beside:
        return Content.assemble((keys, "bold $primary"), f"  {entry.label}\n  ", ("\n  ".join(words), "$muted"))
    return Content("\n").join(
        Content.assemble((f"{key:<{_COLUMN}}", "bold $primary"), f"{label:<{_COLUMN}}", (line, "$muted"))
        for key, label, line in zip_longest(textwrap.wrap(keys, _COLUMN - 2), [entry.label], words, fillvalue="")
    )
