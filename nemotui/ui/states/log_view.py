"""How the log is looked at: what is filtered, sought, marked and wrapped. What there is to see is in `LogsState`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace

from nemotui.core.log_filter import LogFilter, pattern

CONTEXTS = (0, 3, 10)  # lines around a found one


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """`sought` is highlighted, and what n and N go to; `marks` are numbers of lines, the last one set at the end.

    `whole`: each line as it was written, not with its head shortened to whose it is and its level.
    """

    filter: LogFilter = field(default_factory=lambda: LogFilter(routine=False))
    context: int = 0
    sought: re.Pattern[str] | None = None
    wrap: bool = False
    times: bool = False
    whole: bool = False
    marks: tuple[int, ...] = ()

    def seek(self, text: str) -> LogView:
        """Another text to look for; none when it is empty."""
        return replace(self, sought=pattern(text) if text else None)

    def marked(self, number: int) -> LogView:
        """The line marked, or not any more."""
        others = tuple(mark for mark in self.marks if mark != number)
        return replace(self, marks=others if number in self.marks else (*others, number))

    @property
    def words(self) -> str:
        """What of this keeps lines away or stands out, in words; empty where nothing does."""
        shown = self.filter
        parts = [
            f"only {shown.text}" if shown.seeks else "",
            f"± {self.context} lines" if shown.seeks and self.context else "",
            f"since {time.strftime('%H:%M:%S', time.localtime(shown.since))}" if shown.since is not None else "",
            "routine lines shown" if shown.routine else "",
        ]
        return " · ".join(part for part in parts if part)
