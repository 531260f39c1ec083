"""Which line stands in which row, whatever is filtered, wrapped, added and dropped."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.log_filter import LogFilter
from nemotui.core.logs import LogLine
from nemotui.ui.states.log_view import LogView
from nemotui.ui.widgets.rows import Rows

KEEP = 8
ALL = LogView(filter=LogFilter())


def wide(line: LogLine) -> int:
    return len(line.text)


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "bb", "x" * 7, "a" * 23])), max_size=9), st.booleans(), st.booleans()
)
def test_rows_that_grow_are_as_rows_made_anew(batches: list[list[str]], wrap: bool, filtered: bool) -> None:
    view = replace(ALL, filter=LogFilter().typed("a" if filtered else ""))
    grown, width = Rows(view, 5 if wrap else None, wide), 5 if wrap else 10**6
    kept: tuple[LogLine, ...] = ()
    total = 0
    for batch in batches:
        kept = (*kept, *map(LogLine, batch))[-KEEP:]
        total += len(batch)
        grown.update(kept, total)
        expected = [
            (total - len(kept) + index, part)
            for index, line in enumerate(kept)
            if not filtered or "a" in line.text
            for part in range(max(1, -(-len(line.text) // width)))
        ]
        assert [grown.at(row) for row in range(len(grown))] == expected
        assert grown.at(len(grown)) is None
        for number in grown.numbers:
            assert [grown.at(row) for row in grown.rows_of(number)] == [e for e in expected if e[0] == number]


def test_steps_stay_on_shown_lines() -> None:
    rows = Rows(replace(ALL, filter=LogFilter().typed("a")), None, wide)
    rows.update(tuple(map(LogLine, "axaxxa")), 6)
    assert [rows.step(0, 1), rows.step(2, 1), rows.step(5, 1), rows.step(5, -9), rows.step(3, 0)] == [2, 5, 5, 0, 5]
