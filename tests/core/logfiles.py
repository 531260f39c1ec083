"""Captured start-up logs of real servers as `LogLine`s."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from nemotui.core.logs import LogLine
from nemotui.core.text import plain_line

LOGS = Path(__file__).parents[1] / "fixtures" / "logs"
_STAMP = re.compile(r"\b(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b")


def captured(name: str) -> list[LogLine]:
    """The lines of a captured log; the time is vLLM's own stamp (whole seconds), or that of the stamp before it."""
    lines = [plain_line(line) for line in (LOGS / name).read_bytes().split(b"\n")]
    time = next(filter(None, map(_time, lines)))
    return [LogLine(text, time := _time(text) or time) for text in lines]


def written(text: str, at: float | None = None) -> list[LogLine]:
    """Lines from a text in a test, all with one time."""
    return [LogLine(line, at) for line in text.strip().splitlines()]


def _time(text: str) -> float | None:
    stamp = _STAMP.search(text)
    return datetime.datetime(2026, *map(int, stamp.groups()), tzinfo=datetime.UTC).timestamp() if stamp else None  # type: ignore[arg-type, misc]
