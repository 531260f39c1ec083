"""Actions and their keys, in the words that people use for keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.binding import Binding
from textual.screen import Screen

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "ampersand": "&",
    "exclamation_mark": "!",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "plus": "+",
    "minus": "-",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "delete": "Del",
}


_MOVES = ("scroll", "move", "page", "app.focus_next", "app.focus_previous", "leave_field")


def key_name(binding: Binding) -> str:
    """`1 or F2`, `Ctrl+P`, `?`: the keys of a binding for people."""
    return " or ".join(_one(key.strip()) for key in binding.key.split(","))


def _one(key: str) -> str:
    if key in _NAMES:
        return _NAMES[key]
    if key.startswith("ctrl+"):
        return f"Ctrl+{key.removeprefix('ctrl+').upper()}"
    return key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done: where its key works, the binding, and the doing."""

    where: str
    binding: Binding
    run: Callable[[], Any]

    @property
    def moves(self) -> bool:
        """It moves the view or the focus by a little: a thing for keys, not to be looked up by its name."""
        return self.binding.action.partition("(")[0] in _MOVES


def own_actions(screen: Screen[Any], where: str) -> Iterator[Action]:
    """Every action of a screen that lies over the main one."""
    for binding in screen.BINDINGS:
        assert isinstance(binding, Binding)
        yield Action(where=where, binding=binding, run=partial(screen.run_action, binding.action))
