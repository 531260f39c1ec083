"""The table of keys in docs/keys.md, from the bindings."""

from __future__ import annotations

from nemotui.ui.app import NemotuiApp
from nemotui.ui.inspector import Inspector
from nemotui.ui.keys import key_name
from nemotui.ui.runs import RunsScreen
from nemotui.ui.screen import PANES, MainScreen
from nemotui.ui.sweep import SweepScreen

HEAD = ("Where", "Key", "What it does")


def rows() -> list[tuple[str, str, str]]:
    """Where a key works, the key, what it does; in the order of the help."""
    sources: list[tuple[str, type]] = [("Everywhere", MainScreen), ("Everywhere", NemotuiApp)]
    sources += [(pane.LABEL, pane) for pane in PANES.values()]
    sources += [("Stored runs", RunsScreen), ("Sweep", SweepScreen), ("Inspector", Inspector)]
    return [
        (where, key_name(binding), binding.tooltip)
        for where, source in sources
        for binding in source.BINDINGS  # type: ignore[attr-defined]
    ]
