"""Log lines as the rest of nemotui sees them: plain text, with the time the engine stamped, a level, and a kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Stream = Literal["stdout", "stderr"]
Level = Literal["debug", "info", "warning", "error"]

LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")  # the gravest last
_LEVELS: dict[str, Level] = {"DEBUG": "debug", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
# vLLM's own head, with the process in front of it, and uvicorn's, which has the level alone.
_HEAD = re.compile(
    r"(?:\((\S{1,64}) pid=\d+\) ?)?"
    r"(?:(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b(?:: *|(?: +\d\d-\d\d \d\d:\d\d:\d\d)?(?: +\[[^\]]{1,80}\])? ?))?"
)
# What Python itself prints of an exception carries no level.
_RAISED = re.compile(r"Traceback \(most recent call last\)|(?:\w+\.)*\w*(?:Error|Exception): ")

# Every ten seconds while there is traffic; the second one only where tokens are speculated.
_THROUGHPUT = re.compile(
    r"Avg prompt throughput: (?P<prompt>[\d.]+) tokens/s, Avg generation throughput: (?P<generation>[\d.]+) tokens/s, "
    r"Running: (?P<running>\d+) reqs, Waiting: (?P<waiting>\d+) reqs, "
    r"(?:GPU|CPU) KV cache usage: (?P<kv>[\d.]+)%(?:, Prefix cache hit rate: (?P<hits>[\d.]+)%)?"
)
_SPECULATION = re.compile(r"SpecDecoding metrics: .*?Mean acceptance length: (?P<length>[\d.]+)")
# Whoever watches a server asks it these every few seconds: uvicorn writes a line for each.
_ASKED = re.compile(r'"GET /(?:metrics|health|ping|load|version|v1/models) HTTP/[\d.]+" 200')


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, already plain (`core.text.plain_line`). `time` is unix seconds as the engine stamped it, or None."""

    text: str
    time: float | None = None
    stream: Stream = "stdout"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log has been read: up to unix time `time`, of which `count` lines. Of a flood several have the same.

    None: nothing has been read. Without a count, no line of that very time has.
    """

    time: float | None = None
    count: int = 0

    def after(self, lines: Sequence[LogLine]) -> Place:
        """The place behind these."""
        newest = max((line.time for line in lines if line.time is not None), default=None)
        if newest is None or (self.time is not None and newest < self.time):
            return self
        return Place(newest, sum(line.time == newest for line in lines) + (self.count if newest == self.time else 0))


class Rest:
    """Of a log that is asked for again from a place on, which its engine includes: the lines that are new."""

    def __init__(self, place: Place) -> None:
        self._since, self._known = place.time, place.count

    def new(self, lines: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
        """Those of the next lines that had not been read."""
        return lines if self._since is None else tuple(line for line in lines if self._new(line.time))

    def _new(self, time: float | None) -> bool:
        if time is None or self._since is None or time > self._since:
            return True
        if time == self._since and not self._known:
            return True
        self._known -= time == self._since
        return False


class Head(NamedTuple):
    """What comes before a line's words: its level, "info" where it names none; its length; whose line it is."""

    level: Level
    length: int
    process: str


def head(text: str) -> Head:
    """The head of a line, of length 0 where it has none."""
    match = _HEAD.match(text)
    process, level, end = (match[1] or "", match[2], match.end()) if match else ("", None, 0)
    if level:
        return Head(_LEVELS.get(level, "info"), end, process)
    return Head("error" if _RAISED.match(text, end) else "info", end, process)


def routine(text: str) -> bool:
    """A line that only says that time goes on: the engine's periodic figures, and that somebody watches it.

    Of several lines, one to a row: whether one of them is such a line.
    """
    return "throughput: " in text or "SpecDecoding metrics" in text or bool(_ASKED.search(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """What the engine's periodic line said last, at unix time `at`. Rates are tokens/s, shares 0..1.

    `acceptance_length`: mean tokens a step with speculation; None without.
    """

    at: float | None
    prompt_throughput: float
    generation_throughput: float
    running: int
    waiting: int
    kv_cache_usage: float
    prefix_hit_rate: float | None = None
    acceptance_length: float | None = None


def figures(lines: tuple[LogLine, ...], before: EngineFigures | None) -> EngineFigures | None:
    """The newest figures among these lines, else those from before."""
    if not any("Avg prompt throughput: " in line.text for line in lines):  # nearly always, and in a flood
        return before
    length: float | None = None
    for line in reversed(lines):
        if length is None and (found := _SPECULATION.search(line.text)):
            length = _number(found["length"])
        if found := _THROUGHPUT.search(line.text):
            hits = found["hits"]
            return EngineFigures(
                at=line.time,
                prompt_throughput=_number(found["prompt"]),
                generation_throughput=_number(found["generation"]),
                running=int(found["running"][:9]),
                waiting=int(found["waiting"][:9]),
                kv_cache_usage=_number(found["kv"]) / 100,
                prefix_hit_rate=None if hits is None else _number(hits) / 100,
                acceptance_length=length if length is not None else before.acceptance_length if before else None,
            )
    return before


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # such as 1.2.3
        return 0.0
