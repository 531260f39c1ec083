"""How the console looks: the theme, and what the terminal cannot do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from textual.app import App
from textual.color import Color
from textual.filter import LineFilter

from nemotui.ui.filters import Ascii, Fewer
from nemotui.ui.themes import DARK, MONOCHROME, THEMES


def _forget(_: str) -> None:
    """Nobody remembers what was chosen."""


def _nowhere(_: str) -> Path | None:
    """There is no file for what is copied."""
    return None


@dataclass(frozen=True, slots=True)
class Look:
    """`theme` is one of the four. `ascii`: the terminal draws nothing else; `sixteen`: it has no more colours.

    `remember` is told which theme was chosen; `keep` puts what is copied into a file, and says which.
    """

    theme: str = DARK.name
    ascii: bool = False
    sixteen: bool = False
    remember: Callable[[str], None] = _forget
    keep: Callable[[str], Path | None] = _nowhere


def look_of(app: App[Any]) -> Look:
    """The console's."""
    look = getattr(app, "look", None)
    return look if isinstance(look, Look) else Look()


def filters(app: App[Any]) -> Sequence[LineFilter]:
    """What changes each line on its way out: the colours that there are, the signs that there are."""
    look = look_of(app)
    plain = app.theme == MONOCHROME.name or app.no_color
    colours = None if plain else look.sixteen
    return _filters(app.theme, colours, look.ascii)


@lru_cache
def _filters(theme: str, sixteen: bool | None, ascii_only: bool) -> tuple[LineFilter, ...]:
    """`sixteen` None: no colours at all; False: all of them."""
    found: tuple[LineFilter, ...] = ()
    if sixteen is not False and theme in THEMES:
        ground = Color.parse(THEMES[theme].background or "black")
        fields = [Color.parse(THEMES[theme].variables[name]) for name in ("field", "field-focus")]
        found += (Fewer(ground, colours=bool(sixteen), fields=fields),)
    return (*found, Ascii()) if ascii_only else found
