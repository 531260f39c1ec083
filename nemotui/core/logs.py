"""Log lines as the rest of nemotui sees them: plain text, with the time the engine stamped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, already plain (`core.text.plain_line`). `time` is unix seconds as the engine stamped it, or None."""

    text: str
    time: float | None = None
    stream: Stream = "stdout"
