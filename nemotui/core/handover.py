"""A client's own benchmark, run against this server: its output as it comes, its end, and the score it told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

SHOWN_LINES: Final = 2000  # the newest that a screen keeps
# What Inspect, which openbench runs on, prints of its metrics: a name, a figure, alone on a line.
_METRIC: Final = re.compile(r"^\W*(accuracy|mean|reward|pass\^\d+|stderr|std)\W+(\d+(?:\.\d+)?)\W*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegun:
    """It runs; what it prints and what it scored will lie in this directory."""

    directory: str


@dataclass(frozen=True, slots=True)
class RunOutput:
    """What it printed just now, line by line, safe to draw."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """It has ended, by itself or by us (`stopped`). `score` has its metrics by name; None: it told none."""

    directory: str
    exit_code: int | None
    seconds: float
    score: Mapping[str, float] | None = None
    stopped: bool = False

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.stopped

    @property
    def words(self) -> str:
        """How it went, in a sentence."""
        if self.stopped:
            return "It was stopped; what it printed is kept."
        if self.exit_code != 0:
            return f"It failed with exit code {'unknown' if self.exit_code is None else self.exit_code}."
        if self.score is None:
            return "It is done, and told no score that is understood here."
        return "It is done: " + ", ".join(f"{name} {value:g}" for name, value in self.score.items()) + "."


RunEvent: TypeAlias = RunBegun | RunOutput | RunEnded


def score_of_lines(lines: list[str]) -> dict[str, float] | None:
    """The metrics among what was printed, the last of each name."""
    found = {match[1]: float(match[2]) for line in lines if (match := _METRIC.match(line.lower()))}
    return found or None


def score_of_log(text: str) -> dict[str, float] | None:
    """The metrics in a log of Inspect as JSON (`results.scores[].metrics.NAME.value`); None for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    results = document.get("results") if isinstance(document, dict) else None
    scores = results.get("scores") if isinstance(results, dict) else None
    found: dict[str, float] = {}
    for score in scores if isinstance(scores, list) else []:
        metrics: Any = score.get("metrics") if isinstance(score, dict) else None
        for name, metric in metrics.items() if isinstance(metrics, dict) else ():
            value = metric.get("value") if isinstance(metric, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[str(name)] = float(value)
    return found or None
