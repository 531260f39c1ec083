"""The table of keys as Textual's bindings, and its actions as things to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.binding import Binding, BindingType
from textual.keys import REPLACED_KEYS, key_to_character
from textual.screen import Screen

from nemotui.keys.grammar import Entry
from nemotui.keys.keymap import key_shown
from nemotui.keys.places import ENTRIES, PLACES


def bindings(place: str) -> list[BindingType]:
    """What a pane or a screen binds: its place in the table. The console's keymap changes them by their id."""
    return [
        Binding(
            entry.usual,
            entry.action,
            entry.label,
            id=entry.id,
            show=not (entry.aside or entry.moves),
            priority=entry.in_fields,
        )
        for entry in PLACES[place].entries
    ]


def character_of(key: str) -> str | None:
    """What a key types. Textual does not know slash, plus and minus by the names that it gives them."""
    return key_to_character(REPLACED_KEYS.get(key, key))


def binding_shown(binding: Binding) -> str:
    """The key of a binding for people: Textual writes `?` as question_mark."""
    character = character_of(binding.key)
    return character if character and character.isprintable() and character != " " else key_shown(binding.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done: where its key works, its line in the table, and the doing."""

    where: str
    entry: Entry
    run: Callable[[], Any]


def own_actions(screen: Screen[Any]) -> Iterator[Action]:
    """Every action of a screen that lies over the main one."""
    titles = {entry.id: place.title for place in PLACES.values() for entry in place.entries}
    for binding in screen.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.id is not None
        entry = ENTRIES[binding.id]
        yield Action(where=titles[entry.id], entry=entry, run=partial(screen.run_action, entry.action))
