"""The table of docs/keys.md, from the table of keys: `python -m tests.ui.key_table` prints it."""

from __future__ import annotations

from nemotui.keys.keymap import Keymap
from nemotui.keys.places import PLACES

HEAD = ("Where", "Key", "What it does", "In `[keys]`")
_SAID_ON_THE_SPOT = (
    "preview",
    "prompts",
    "choices",
    "card",
    "advice",
    "what-if",
    "conversations",
    "ask",
    "help",
)  # dialogs, whose last line has their keys


def rows() -> list[tuple[str, str, str, str]]:
    """Where a key works, the key, what it does, its name in the configuration; in the order of the help."""
    keymap = Keymap()
    return [
        (place.title, keymap.shown(entry), keymap.does(entry), entry.id)
        for name, place in PLACES.items()
        if name not in _SAID_ON_THE_SPOT
        for entry in place.entries
    ]


if __name__ == "__main__":
    for row in (HEAD, ("---",) * 4, *rows()):
        print(f"| {' | '.join(row)} |")
