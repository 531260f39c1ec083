"""How the console looks on a terminal: the themes that there are, and what the environment says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

Theme = Literal["dark", "light", "high-contrast", "monochrome"]
THEMES: Final[tuple[Theme, ...]] = get_args(Theme)

_NO_CHARSET = ("C", "POSIX")


def ascii_only(environ: Mapping[str, str]) -> bool:
    """Whether the locale that is set has no sign beyond ASCII; one that is not set says nothing.

    Python itself puts LC_CTYPE=C.UTF-8 beside LANG=C, so LANG is heard before that.
    """
    if named := environ.get("LC_ALL"):
        return _is_ascii(named)
    if environ.get("LANG", "") in _NO_CHARSET and environ.get("LC_CTYPE", "C.UTF-8") == "C.UTF-8":
        return True
    named = environ.get("LC_CTYPE") or environ.get("LANG")
    return bool(named) and _is_ascii(named or "")


def _is_ascii(locale: str) -> bool:
    _, dot, charset = locale.partition("@")[0].partition(".")
    return locale in _NO_CHARSET or (bool(dot) and charset.lower().replace("-", "") != "utf8")


def theme_of(asked: str | None, remembered: str | None, environ: Mapping[str, str]) -> str:
    """The theme: as asked for, else without colours where NO_COLOR is set, else as chosen last, else dark."""
    if asked is not None:
        return asked
    return "monochrome" if environ.get("NO_COLOR") else remembered or "dark"


def sixteen_colours(environ: Mapping[str, str]) -> bool:
    """Whether a terminal has sixteen colours and no more, as far as it says."""
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return False
    return environ.get("TERM", "").rpartition("-")[2] not in ("256color", "direct", "kitty", "ghostty")
