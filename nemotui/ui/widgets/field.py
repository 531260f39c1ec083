"""A line to type into."""

from __future__ import annotations

from textual.reactive import reactive
from textual.widgets import Input

from nemotui.ui.keys import character_of


class Field(Input):
    """Textual's, with a cursor that stands still: nothing on this screen moves for show."""

    cursor_blink = reactive(False, init=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Ctrl+C copies where something is selected; else it is the console's."""
        return action != "copy" or bool(self.selected_text)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """What is typed is no key of a pane."""
        return super().check_consume_key(key, character or character_of(key))
