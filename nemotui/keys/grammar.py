"""The grammar of keys: what is the same in every place, and what an action and a place are."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A word of the grammar of keys: the same keys in every place that has such an action.

    `keys` as in `[keys]`: names or characters, with commas between. `moves`: it moves the view or the focus by a
    little, a thing for keys, not to be looked up by its name.
    """

    name: str
    keys: str
    moves: bool = False


UP, DOWN = Verb("up", "up,k", moves=True), Verb("down", "down,j", moves=True)
LEFT, RIGHT = Verb("left", "left,h", moves=True), Verb("right", "right,l", moves=True)
PAGE_UP, PAGE_DOWN = Verb("page-up", "pageup,ctrl+u", moves=True), Verb("page-down", "pagedown,ctrl+d", moves=True)
FIRST, LAST = Verb("first", "g,home", moves=True), Verb("last", "G,end", moves=True)
NEXT_FIELD, FIELD_BEFORE = Verb("next-field", "tab", moves=True), Verb("field-before", "shift+tab", moves=True)
OPEN, BACK = Verb("open", "enter"), Verb("back", "escape,q")
SEARCH, FILTER = Verb("search", "/"), Verb("filter", "&")
COPY, SAVE, MARK, DELETE = Verb("copy", "y"), Verb("save", "S,ctrl+s"), Verb("mark", "m"), Verb("delete", "d,delete")
EDIT, STOP, AGAIN = Verb("edit", "e"), Verb("stop", "x"), Verb("again", "r")
HELP = Verb("help", "?,f1")


class Entry(NamedTuple):
    """One action: its name in `[keys]`, its keys, what Textual runs, its label, and what it does in a sentence.

    `does` may name the key of another action by its id in braces. `aside`: the screen shows it elsewhere, or it is for
    the few; the footer leaves it out. `in_fields`: it works while something is typed, so its key cannot be a character.
    """

    id: str
    keys: Verb | str
    action: str
    label: str
    does: str
    aside: bool = False
    in_fields: bool = False

    @property
    def usual(self) -> str:
        """The keys of the table, with commas between."""
        return self.keys.keys if isinstance(self.keys, Verb) else self.keys

    @property
    def moves(self) -> bool:
        """It moves the view or the focus by a little."""
        return isinstance(self.keys, Verb) and self.keys.moves


class Place(NamedTuple):
    """Where keys work. `title` for people; `over` is the place whose keys work here too, where they are not its own."""

    title: str
    entries: tuple[Entry, ...]
    over: str | None = None
