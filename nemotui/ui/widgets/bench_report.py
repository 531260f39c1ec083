"""A benchmark's result: the sentence, the tables, and what to make of them; or why there is none."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from textual.content import Content

from nemotui.core.bench_table import aligned, comparison, facts, latencies, totals
from nemotui.core.verdict import verdict
from nemotui.ui.states.bench import BenchState

_BLANK = Content("")
_TONES = {"failure": "$error", "note": "$warning"}
_BESIDE = 3  # cells between two tables side by side


def report(state: BenchState, width: int) -> list[Content]:
    """As lines of at most `width` cells where that is possible."""
    if state.failure is not None:
        where = [_BLANK, *_wrapped(f"The run's directory: {state.run}", width, "$muted")] if state.run else []
        fix = _wrapped(state.failure.fix, width, "") if state.failure.fix else []
        return [*_wrapped(state.failure.message, width, "bold $error"), *fix, *where]
    result = state.result
    if result is None:
        return []
    return [
        *_headline(result, width),
        *_wrapped(totals(result), width, "$muted"),
        _BLANK,
        *_tables(result, width),
        _BLANK,
        *_facts([*facts(result), ("run", str(result["run"]))], width),
    ]


def _headline(result: Mapping[str, Any], width: int) -> list[Content]:
    lines = []
    if result["time_scaled"]:
        words = f" TIME SCALED × {result['time_scale']:g}: no measurement "
        lines.append(Content.styled(words, "bold $background on $warning"))
    good = result["complete"] and not result["failed"]
    doubtful = not result["clock"]["trusted"] or result["time_scaled"]
    words = verdict(result)
    style = ("bold $warning" if doubtful else "bold $success") if good else "bold $error"
    return [*lines, *_wrapped(words[:1].upper() + words[1:] + ".", width, style)]


def _tables(result: Mapping[str, Any], width: int) -> list[Content]:
    """Side by side where there is room."""
    left, right = latencies(result), comparison(result)
    first, second = aligned(left, width), aligned(right, width)
    room = max(map(len, first))
    if room + 2 * _BESIDE + max(map(len, second)) <= width:
        high = max(len(first), len(second))
        first, second = ([*lines, *[""] * (high - len(lines))] for lines in (first, second))
        both = [a.ljust(room + 2 * _BESIDE) + b for a, b in zip(first, second, strict=True)]
        return [Content.styled(both[0], "$muted"), *map(Content, both[1:])]
    return [
        Content.styled(first[0], "$muted"),
        *map(Content, first[1:]),
        _BLANK,
        Content.styled(second[0], "$muted"),
        *map(Content, second[1:]),
    ]


def _facts(found: list[tuple[str, str]], width: int) -> list[Content]:
    """A word and its sentence, which goes on below itself."""
    label = max(len(word) for word, _ in found) + 2
    lines = []
    for word, sentence in found:
        style = _TONES.get(word, "$muted" if word == "run" else "")
        for number, line in enumerate(textwrap.wrap(sentence, max(20, width - label)) or [""]):
            head = word if number == 0 else ""
            lines.append(Content.assemble((head.ljust(label), "$muted"), (line, style)))
    return lines


def _wrapped(text: str, width: int, style: str) -> list[Content]:
    return [Content.styled(line, style) for line in textwrap.wrap(text, max(20, width))]
