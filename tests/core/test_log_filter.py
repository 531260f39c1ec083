"""Terms, levels and times that lines are chosen by, and the lines around those that are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.errors import UsageError
from nemotui.core.log_filter import LogFilter, Selection
from nemotui.core.logs import LogLine

LINES = tuple(
    LogLine(text, float(at))
    for at, text in enumerate(
        [
            "INFO 01-01 00:00:00 [a.py:1] KV cache is 14 GiB",
            "WARNING 01-01 00:00:01 [a.py:2] the kv cache is nearly full",
            'INFO:     1.2.3.4:5 - "GET /metrics HTTP/1.1" 200 OK',
            "ERROR 01-01 00:00:02 [a.py:3] Traceback (most recent call last):",
            "ERROR 01-01 00:00:02 [a.py:3] ValueError: a [b] (c",
            "INFO 01-01 00:00:03 [a.py:4] done",
        ]
    )
)


def found(text: str, context: int = 0, **how: object) -> list[int]:
    """The numbers of the lines that are shown."""
    selection: Selection[int] = Selection(replace(LogFilter(), **how).typed(text), context)  # type: ignore[arg-type]
    return [number for at, line in enumerate(LINES) for number in selection.take(line, at)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("kv", [0, 1]),
        ("KV", [0]),
        ("kv full", [1]),
        ("kv AND full", [1]),
        ("kv !full", [0]),
        ("kv NOT full", [0]),
        ('"kv cache is"', [0, 1]),
        ('!"cache is" kv', []),
        ("level:warning", [1, 3, 4]),
        ("level:err !traceback", [4]),
        ("[b] (c", [4]),
        ('!"GET /', [0, 1, 3, 4, 5]),
        ("!", []),  # a sign alone is a term that no line here has
        ('""', [0, 1, 2, 3, 4, 5]),
    ],
)
def test_terms(text: str, numbers: list[int]) -> None:
    assert found(text) == numbers


def test_lines_around_a_found_one_come_once_and_in_order() -> None:
    assert found("kv", context=1) == [0, 1, 2]
    assert found("done", context=2) == [3, 4, 5]
    assert found("traceback", context=10) == [0, 1, 2, 3, 4, 5]
    assert found("", context=3) == [0, 1, 2, 3, 4, 5]


def test_routine_and_old_lines_are_not_shown_around_others_either() -> None:
    assert found("traceback", context=2, routine=False) == [0, 1, 3, 4, 5]
    assert found("traceback", context=9, since=1.0, routine=False) == [1, 3, 4, 5]
    assert found("", since=4.0) == [4, 5]


def test_a_level_that_is_none_is_said_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean warning"):
        LogFilter().typed("level:wraning")
    with pytest.raises(UsageError, match="debug, info, warning, error"):
        LogFilter().typed("level:")


def test_what_was_typed_is_kept_and_other_terms_leave_the_rest() -> None:
    shown = replace(LogFilter(), since=4.0, routine=False).typed(" kv ")
    assert (shown.text, shown.seeks, shown.since, shown.routine) == ("kv", True, 4.0, False)
    assert not shown.typed("").seeks
