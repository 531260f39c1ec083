"""A column of the lab: how a prompt is asked, written as `full`, `low`, `off` or `full,temperature=0.2,budget=512`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nemotui.core.chat import MODES, Mode, Sampling
from nemotui.core.errors import UsageError
from nemotui.core.text import plain_line

MOST_COLUMNS: Final = 6  # side by side, and at once: more would measure each other above all
DEFAULT: Final = MODES

# As it is written → field of `Sampling`, kind, least, most.
_FIELDS: Final[dict[str, tuple[str, type[float], float, float]]] = {
    "temperature": ("temperature", float, 0, 2),
    "top_p": ("top_p", float, 1e-6, 1),
    "max_tokens": ("max_tokens", int, 1, 10_000_000),
    "seed": ("seed", int, 0, 2**32 - 1),
    "budget": ("thinking_token_budget", int, 0, 10_000_000),
}
_FIX: Final = f"Begin with {', '.join(MODES)}; then, by commas, any of {', '.join(f'{name}=' for name in _FIELDS)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One column: a reasoning mode and sampling parameters."""

    mode: Mode
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def name(self) -> str:
        """As it is written: what differs from the model card's recommendation."""
        usual = Sampling()
        changed = (
            f"{word}={getattr(self.sampling, name):g}" if kind is float else f"{word}={getattr(self.sampling, name)}"
            for word, (name, kind, _, _) in _FIELDS.items()
            if getattr(self.sampling, name) != getattr(usual, name)
        )
        return ",".join((self.mode, *changed))


def parse_setting(text: str) -> Setting:
    """One column as it is written; raises `UsageError`."""
    text = plain_line(text, limit=200)
    first, *rest = (part.strip() for part in text.split(","))
    mode = next((mode for mode in MODES if mode == first), None)
    if mode is None:
        near = difflib.get_close_matches(first, MODES, 1)
        raise UsageError("settings", f"{text!r} has no reasoning mode", f"Did you mean {near[0]}?" if near else _FIX)
    values: dict[str, Any] = {}
    for part in rest:
        word, _, value = part.partition("=")
        if word not in _FIELDS:
            near = difflib.get_close_matches(word, _FIELDS, 1)
            fix = f"Did you mean {near[0]}=?" if near else _FIX
            raise UsageError("settings", f"{text!r}: {word!r} is no setting", fix)
        name, kind, least, most = _FIELDS[word]
        try:
            number = kind(value)
        except ValueError:
            number = least - 1
        if name in values:
            raise UsageError("settings", f"{text!r} says {word} twice", "Leave out one of them.")
        if not least <= number <= most:  # nan is neither
            what = "a whole number" if kind is int else "a number"
            raise UsageError(
                "settings", f"{text!r}: {word} is no {what[2:]} that can be", f"Give {what} from {least:g} to {most:g}."
            )
        values[name] = number
    return Setting(mode=mode, sampling=Sampling(**values))


def parse_settings(words: Sequence[str]) -> tuple[Setting, ...]:
    """The columns, in order; none given: full, low and off. Raises `UsageError`."""
    if len(words) > MOST_COLUMNS:
        raise UsageError("settings", f"{len(words)} settings at once are too many", f"Give {MOST_COLUMNS} at most.")
    return tuple(map(parse_setting, words or DEFAULT))
