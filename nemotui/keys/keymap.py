"""The keys as they are: the defaults, and `[keys]` of the configuration over them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import combinations

from nemotui.core.errors import UsageError
from nemotui.core.text import plain_line
from nemotui.keys.grammar import Entry, Verb
from nemotui.keys.places import ENTRIES, PLACES

_NAMES = {
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "insert": "Ins",
    "delete": "Del",
    "backspace": "Backspace",
    "comma": ",",
}
# What a terminal sends for these is Tab, Enter, Backspace and Escape: they cannot be told from them.
_SENT_AS_OTHERS = frozenset(f"ctrl+{letter}" for letter in "himj")
_FUNCTION_KEYS = {f"f{number}" for number in range(1, 13)}
_NAMED = (
    _NAMES.keys()
    | _FUNCTION_KEYS
    | {f"ctrl+{letter}" for letter in map(chr, range(ord("a"), ord("z") + 1))} - _SENT_AS_OTHERS
)
_BY_SHOWN = {shown.lower(): key for key, shown in _NAMES.items()}


def keys_shown(keys: str) -> str:
    """`1 or F2`, `Ctrl+P`, `?`: keys for people."""
    return " or ".join(key_shown(key) for key in keys.split(","))


def key_shown(key: str) -> str:
    """One key for people."""
    if key in _NAMES:
        return _NAMES[key]
    modifier, plus, rest = key.partition("+")
    if plus and rest:
        return f"{modifier.capitalize()}+{_NAMES.get(rest, rest.upper())}"
    return key.upper() if len(key) > 1 else key


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys as they are: those of the table, and what `[keys]` changes of them (action → keys)."""

    changes: Mapping[str, str] = field(default_factory=dict)

    def keys(self, entry: Entry) -> str:
        """The keys of an action, with commas between."""
        return self.changes.get(entry.id, entry.usual)

    def shown(self, entry: Entry) -> str:
        """The keys of an action for people."""
        return keys_shown(self.keys(entry))

    def does(self, entry: Entry) -> str:
        """What an action does, in a sentence that names the keys of others as they are."""
        return entry.does.format_map(
            {name: key_shown(self.keys(other).split(",")[0]) for name, other in ENTRIES.items()}
            if "{" in entry.does
            else {}
        )


_DEFAULT = Keymap()
# The keymap of the console whose sentences name keys: they are made in states and words that know of no console.
_NAMED_BY: ContextVar[Keymap] = ContextVar("keymap", default=_DEFAULT)


def sentences_name(keymap: Keymap) -> None:
    """From now on `key_of` answers with these keys, here and in the tasks that begin here."""
    _NAMED_BY.set(keymap)


def key_of(action: str, *, typing: bool = False) -> str:
    """The key of an action for a sentence: its first; while something is typed, the first that types nothing."""
    keys = _NAMED_BY.get().keys(ENTRIES[action]).split(",")
    if typing:
        keys = [key for key in keys if key.startswith("ctrl+") or key in _FUNCTION_KEYS] or keys
    return key_shown(keys[0])


def remapped(keys: Mapping[str, str], where: str) -> Keymap:
    """The keymap with `[keys]` applied: of one action by its name, or of a verb of the grammar in all places.

    Raises `UsageError` for an action or a key that there is not, and for two actions on one key; `where` is the file.
    """
    if not keys:
        return Keymap()
    verbs: dict[str, list[Entry]] = {}
    for entry in ENTRIES.values():
        if isinstance(entry.keys, Verb):
            verbs.setdefault(entry.keys.name, []).append(entry)
    changes: dict[str, str] = {}
    # A verb first: what is said of one action stands against what is said of all.
    for name, text in sorted(keys.items(), key=lambda item: item[0] not in verbs):
        meant = verbs.get(name) or [ENTRIES[name]] if name in verbs or name in ENTRIES else []
        if not meant:
            near = difflib.get_close_matches(name, [*ENTRIES, *verbs], n=1)
            fix = f"Did you mean {near[0]!r}?" if near else "The last column of docs/keys.md has the names."
            raise UsageError("config", f"{where}: [keys] has no action {plain_line(name)!r}", fix)
        canonical = ",".join(_canonical(part, name, where) for part in (text.split(",") if text != "," else [text]))
        for entry in meant:
            if entry.in_fields and any(len(key) == 1 or key == "space" for key in canonical.split(",")):
                fix = "Use a function key, or Ctrl and a letter."
                raise UsageError("config", f"{where}: [keys] {name} works in fields, where {text!r} is typed", fix)
            changes[entry.id] = canonical
    keymap = Keymap(changes)
    usual = set(_clashes(Keymap()))
    for key, one, other in _clashes(keymap):
        if (key, one, other) not in usual and {one.id, other.id} & changes.keys():
            raise UsageError(
                "config",
                f"{where}: [keys] gives {key_shown(key)} to {one.id} ({one.label}) and {other.id} ({other.label})",
                "Give one of them another key.",
            )
    return keymap


def _canonical(text: str, action: str, where: str) -> str:
    """A key as the table writes it, however people write it: `PgUp`, `Ctrl+P`, `F2`, `?`."""
    key = text.strip()
    if len(key) == 1 and key.isprintable() and not key.isspace():
        return "comma" if key == "," else key
    key = _BY_SHOWN.get(key.lower(), key.lower())
    if key in _NAMED:
        return key
    fix = "A character, F1 to F12, Ctrl+letter, or one of " + ", ".join(sorted(_NAMES)) + "."
    if key in _SENT_AS_OTHERS:
        fix = "A terminal sends the same for it as for another key."
    raise UsageError("config", f"{where}: [keys] {action} = {plain_line(text, limit=40)!r} is no key", fix)


def _clashes(keymap: Keymap) -> Iterator[tuple[str, Entry, Entry]]:
    """Two actions on one key, where both would work."""
    for place in PLACES.values():
        there = list(place.entries)
        over = place.over
        while over is not None:
            there += PLACES[over].entries
            over = PLACES[over].over
        for one, other in combinations(there, 2):
            for key in sorted(set(keymap.keys(one).split(",")) & set(keymap.keys(other).split(","))):
                yield key, one, other
