"""Which line stands in which row, whatever is filtered, wrapped, added and dropped."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nemotui.core.log_filter import LogFilter
from nemotui.core.logs import LogLine
from nemotui.ui.states.log_view import LogView
from nemotui.ui.widgets.rows import Rows

KEEP = 8
ALL = LogView(filter=LogFilter())


def wide(line: LogLine) -> int:
    return cell_len(line.text)


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "bb", "x" * 7, "a" * 23, "好" * 9, "throughput: 1"])), max_size=9),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([5, 30, 45]),
)
def test_rows_that_grow_are_as_rows_made_anew(
    batches: list[list[str]], wrap: bool, filtered: bool, routine: bool, room: int
) -> None:
    shown = LogFilter(routine=routine).typed("a" if filtered else "")
    grown, width = Rows(replace(ALL, filter=shown, wrap=wrap), room, wide), room if wrap else 10**6
    kept: tuple[LogLine, ...] = ()
    total = 0
    for batch in batches:
        kept = (*kept, *map(LogLine, batch))[-KEEP:]
        total += len(batch)
        grown.update(kept, total)
        expected = [
            (total - len(kept) + index, part)
            for index, line in enumerate(kept)
            if (not filtered or "a" in line.text) and (routine or "throughput: " not in line.text)
            for part in range(max(1, -(-wide(line) // width)))
        ]
        assert [grown.at(row) for row in range(len(grown))] == expected
        assert grown.at(len(grown)) is None
        for number in grown.numbers:
            assert [grown.at(row) for row in grown.rows_of(number)] == [e for e in expected if e[0] == number]


def test_one_line_among_many_is_hidden_or_takes_more_rows() -> None:
    texts = ["a"] * 1000
    texts[300], texts[700] = "throughput: 1", "x" * 70
    rows = Rows(replace(ALL, filter=LogFilter(routine=False), wrap=True), 30, wide)
    rows.update(tuple(map(LogLine, texts)), 1000)
    assert list(rows.numbers) == [number for number in range(1000) if number != 300]
    assert (rows.rows_of(700), rows.rows_of(999), len(rows)) == (range(699, 702), range(1000, 1001), 1001)


def test_steps_stay_on_shown_lines() -> None:
    rows = Rows(replace(ALL, filter=LogFilter().typed("a")), 80, wide)
    rows.update(tuple(map(LogLine, "axaxxa")), 6)
    assert [rows.step(0, 1), rows.step(2, 1), rows.step(5, 1), rows.step(5, -9), rows.step(3, 0)] == [2, 5, 5, 0, 5]
