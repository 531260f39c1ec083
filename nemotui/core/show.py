"""Figures as people read them, the same on the screen and in the text of a verb; what is unknown is "n/a"."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise


def gib(size: float | None) -> str:
    """Bytes in GiB, one decimal; "n/a" for what is unknown."""
    return "n/a" if size is None else f"{size / 2**30:.1f} GiB"


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """A figure with its unit; "n/a" for what is unknown."""
    return "n/a" if value is None else f"{value:,.{digits}f}{unit and ' '}{unit}"


def band(low_high: tuple[float, float], unit: str = "") -> str:
    """A prediction as `low-high`."""
    low, high = low_high
    digits = 0 if high >= 100 else 1
    return f"{low:,.{digits}f}-{high:,.{digits}f}{unit and ' '}{unit}"


def duration(seconds: float | None) -> str:
    """`1:05`, `1:02:03`; "unknown" for what nobody can know."""
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shell(argv: Sequence[str], width: int) -> str:
    """A command to be read and pasted, over several lines; no line ends between an option and its value."""
    parts: list[str] = []
    for before, word in pairwise(["", *argv]):
        if before.startswith("-") and not word.startswith("-"):
            parts[-1] += " " + shlex.quote(word)
        else:
            parts.append(shlex.quote(word))
    lines = ["$"]
    for part in parts:
        if len(lines[-1]) + len(part) > width - 4:
            lines.append("   ")
        lines[-1] += " " + part
    return " \\\n".join(lines)
