"""What can be typed after a slash: the settings of the next answers, and what else has a name.

A command changes settings, or names an action of the pane; what it cannot be understood as is said in a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from nemotui.core.chat import MODES, ChatSettings, Sampling
from nemotui.core.chat_text import settings_words

Doing = Literal["help", "settings", "edit", "copy", "new", "open", "save"]
_MOST_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True)
class Command:
    """`name`, what it takes, and what it does, for the list of them."""

    name: str
    takes: str
    does: str


@dataclass(frozen=True, slots=True)
class Do:
    """An action of the pane, and what was typed after its name."""

    action: Doing
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What a command cannot be understood as, and why."""

    why: str


COMMANDS = (
    Command("mode", "full|low|off", "reasoning of the next answers"),
    Command("budget", "N|none", "tokens of thinking at most"),
    Command("system", "TEXT|none", "system prompt"),
    Command("temperature", "0..2", "recommended 1.0, in every mode"),
    Command("top_p", "0..1", "recommended 0.95, in every mode"),
    Command("max_tokens", "N|none", "thinking and answer, at most"),
    Command("seed", "N|none", "for a repeatable answer"),
    Command("reset", "", "mode full and the recommended settings"),
    Command("settings", "", "show them"),
    Command("edit", "[N]", "question N, the last one, to be asked anew"),
    Command("copy", "[N|all]", "code block N of the last answer, all of them, or the answer"),
    Command("new", "", "begin a new conversation; this one is stored"),
    Command("open", "[NAME]", "a stored conversation"),
    Command("save", "[NAME]", "store it under a name; where it lies is said"),
    Command("help", "", "every key"),
)
_NAMES = tuple(command.name for command in COMMANDS)


def matching(text: str) -> tuple[Command, ...]:
    """The commands that a line which begins with a slash may become."""
    if not text.startswith("/") or "\n" in text:
        return ()
    name, space, _ = text[1:].partition(" ")
    return tuple(c for c in COMMANDS if (c.name == _name(name) if space else c.name.startswith(_name(name))))


def completed(text: str) -> str:
    """The line with its command completed as far as there is one way to."""
    names = [command.name for command in matching(text)]
    if not names or " " in text:
        return text
    if len(names) == 1:
        takes = next(command.takes for command in COMMANDS if command.name == names[0])
        return f"/{names[0]}{' ' if takes else ''}"
    common = names[0]
    while not all(name.startswith(common) for name in names):
        common = common[:-1]
    return f"/{common}"


def understood(text: str, settings: ChatSettings) -> ChatSettings | Do | Wrong:
    """What a line after a slash means. The shortest beginning that is one command's alone will do."""
    name, _, argument = text[1:].partition(" ")
    name, argument = _name(name.strip()), argument.strip()
    found = [each for each in _NAMES if each == name] or [each for each in _NAMES if each.startswith(name)]
    if len(found) != 1:
        what = f"/{name} is no command" if not found else f"/{name} may be {', '.join('/' + each for each in found)}"
        return Wrong(f"{what}. /help shows them; a question that begins with a slash: a space before it.")
    [name] = found
    if name == "reset":
        return replace(ChatSettings(), system=settings.system)
    if name in get_args(Doing):
        return Do(name, argument)  # type: ignore[arg-type]
    try:
        return _SETTERS[name](settings, argument)
    except ValueError:
        takes = next(command.takes for command in COMMANDS if command.name == name)
        return Wrong(f"/{name} {argument}".rstrip() + f" is not understood: /{name} {takes}")


def _name(typed: str) -> str:
    return typed.lower().replace("-", "_")


def _count(argument: str, least: int, most: int = _MOST_TOKENS) -> int | None:
    """A number of tokens, None for `none`. Raises `ValueError`."""
    if argument == "none":
        return None
    value = int(argument.replace(",", "").replace("_", ""))
    if not least <= value <= most:
        raise ValueError
    return value


def _real(argument: str, most: float, *, zero: bool) -> float:
    value = float(argument)
    if not (math.isfinite(value) and 0 <= value <= most and (zero or value > 0)):
        raise ValueError
    return value


def _mode(settings: ChatSettings, argument: str) -> ChatSettings:
    if argument not in MODES:
        raise ValueError
    return replace(settings, mode=argument)


def _system(settings: ChatSettings, argument: str) -> ChatSettings:
    if not argument:
        raise ValueError
    return replace(settings, system="" if argument == "none" else argument)


def _sampling(change: Callable[[Sampling, str], Sampling]) -> Callable[[ChatSettings, str], ChatSettings]:
    return lambda settings, argument: replace(settings, sampling=change(settings.sampling, argument))


_SETTERS: Mapping[str, Callable[[ChatSettings, str], ChatSettings]] = {
    "mode": _mode,
    "budget": _sampling(lambda s, argument: replace(s, thinking_token_budget=_count(argument, 0))),
    "system": _system,
    "temperature": _sampling(lambda s, argument: replace(s, temperature=_real(argument, 2, zero=True))),
    "top_p": _sampling(lambda s, argument: replace(s, top_p=_real(argument, 1, zero=False))),
    "max_tokens": _sampling(lambda s, argument: replace(s, max_tokens=_count(argument, 1))),
    "seed": _sampling(lambda s, argument: replace(s, seed=_count(argument, 0, 2**32 - 1))),
}


def told(settings: ChatSettings) -> str:
    """All settings in a line, for whoever asks or has just changed one."""
    prompt = f": {settings.system}" if settings.system else ""
    return f"reasoning {settings.mode} · {' · '.join(settings_words(settings, all_of_them=True))}{prompt}"
