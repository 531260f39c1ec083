"""Which lines of a log are shown: terms that must be in a line, terms that must not, a level, a time.

`kv cache !"GET /" level:warning` takes lines that have both "kv" and "cache", not "GET /", and are warnings or worse.
A term in lower case alone is found in any case. NOT and AND may be written out.
"""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from nemotui.core.errors import UsageError
from nemotui.core.logs import LEVELS, Level, LogLine, head, routine

T = TypeVar("T")

_WORD = re.compile(r'(!?)(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """`since` is unix seconds; a line without a time passes it. `text` is what was typed, for showing it again."""

    text: str = ""
    terms: tuple[re.Pattern[str], ...] = ()
    excluded: tuple[re.Pattern[str], ...] = ()
    level: Level | None = None
    since: float | None = None
    routine: bool = True
    _grave: frozenset[Level] = field(default=frozenset(LEVELS))

    def finds(self, line: LogLine) -> bool:
        """It has every term, none of the excluded ones, and the level."""
        text = line.text
        return (
            all(term.search(text) for term in self.terms)
            and not any(term.search(text) for term in self.excluded)
            and (self.level is None or head(text).level in self._grave)
        )

    def hides(self, line: LogLine) -> bool:
        """It is too old, or routine: not shown as context of another line either."""
        return (self.since is not None and line.time is not None and line.time < self.since) or (
            not self.routine and routine(line.text)
        )

    @property
    def seeks(self) -> bool:
        """There is something to find."""
        return bool(self.terms or self.excluded or self.level)

    def typed(self, text: str) -> LogFilter:
        """The same with other terms and another level; raises `UsageError` for a level that is none."""
        terms: list[re.Pattern[str]] = []
        excluded: list[re.Pattern[str]] = []
        level: Level | None = None
        negated = False
        for no, quoted, word in _WORD.findall(text):
            if word in ("NOT", "AND") and not no:
                negated = word == "NOT"
            elif word.startswith("level:") and not no:
                level, negated = parse_level(word.removeprefix("level:")), False
            elif term := quoted or word:
                (excluded if no or negated else terms).append(pattern(term))
                negated = False
        grave = frozenset(LEVELS[LEVELS.index(level) :] if level else LEVELS)
        return replace(self, text=text.strip(), terms=tuple(terms), excluded=tuple(excluded), level=level, _grave=grave)


def parse_level(name: str) -> Level:
    """A level by its name, or by the beginning of it."""
    found = [level for level in LEVELS if name and level.startswith(name.lower())]
    if not found:
        near = difflib.get_close_matches(name.lower(), LEVELS, 1)
        fix = f"Did you mean {near[0]}?" if near else f"There are {', '.join(LEVELS)}."
        raise UsageError("level", f"there is no level {name[:40]!r}", fix)
    return found[0]


def pattern(term: str) -> re.Pattern[str]:
    """A term as it is looked for: in any case, unless it has a capital letter."""
    return re.compile(re.escape(term), re.NOFLAG if any(c.isupper() for c in term) else re.IGNORECASE)


class Selection(Generic[T]):
    """The shown lines of a log that is read once, line by line: those that the filter finds, and `context` around."""

    def __init__(self, shown: LogFilter, context: int) -> None:
        self._shown = shown
        self._seeks = shown.seeks
        self._context = context if shown.seeks else 0
        self._before: deque[T] = deque(maxlen=self._context)  # lines that the next one found will bring along
        self._after = 0  # lines that the last one found brings along still

    def all_of(self, texts: Sequence[str]) -> bool:
        """It is plain without a look at each that all of the next lines are shown."""
        shown = self._shown
        return not self._seeks and shown.since is None and (shown.routine or not routine("\n".join(texts)))

    def take(self, line: LogLine, item: T) -> Sequence[T]:
        """What is shown because of this line, the next in the log: the items of such lines, oldest first."""
        if self._shown.hides(line):
            return ()
        if not self._seeks:
            return (item,)
        if self._shown.finds(line):
            items = (*self._before, item)
            self._before.clear()
            self._after = self._context
            return items
        if self._after:
            self._after -= 1
            return (item,)
        self._before.append(item)
        return ()
