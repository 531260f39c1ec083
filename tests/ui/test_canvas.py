"""Only the cells that changed are drawn again."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.content import Content
from textual.strip import Strip

from nemotui.ui.widgets.canvas import Canvas, changes
from tests.ui.seen import seen

pytestmark = pytest.mark.anyio


def strip(*texts: str, style: str = "none") -> Strip:
    return Strip([Segment(text, Style.parse(style)) for text in texts])


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        (strip("load 10 %"), strip("load 10 %"), []),
        (strip("load 10 %"), strip("load ", "10 %"), []),
        (strip("load 10 %"), strip("load 11 %"), [(6, 7)]),
        (strip("10 % then 345 MHz"), strip("11 % then 346 MHz"), [(1, 2), (12, 13)]),
        (strip("10 345"), strip("11 346"), [(1, 6)]),
        (strip("ok"), strip("ok", style="bold"), [(0, 2)]),
        (strip("日本 1"), strip("日本 2"), [(0, 6)]),
    ],
)
def test_where_strips_differ(old: Strip, new: Strip, runs: list[tuple[int, int]]) -> None:
    assert list(changes(old, new)) == runs


class Drawing(App[None]):
    def compose(self) -> ComposeResult:
        yield Canvas()


async def test_what_is_shown_is_what_was_given_last() -> None:
    app = Drawing()
    async with app.run_test(size=(10, 4)) as pilot:
        canvas = app.query_one(Canvas)
        canvas.show([Content("one"), Content("two")])
        await pilot.pause()
        assert seen(app).split("\n") == ["one", "two", "", ""]
        canvas.show([Content("one"), Content("tow")])
        await pilot.pause()
        assert seen(app).split("\n") == ["one", "tow", "", ""]
        canvas.show([Content("a line that is too long"), Content("b"), Content("c")])
        await pilot.pause()
        assert seen(app).split("\n") == ["a line th…", "b", "c", ""]
        await pilot.resize_terminal(6, 4)
        await pilot.pause()
        assert seen(app).split("\n") == ["a lin…", "b", "c", ""]
        canvas.show([])
        await pilot.pause()
        assert seen(app).split("\n") == ["", "", "", ""]


async def test_lines_that_stay_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Drawing()
    async with app.run_test(size=(40, 4)) as pilot:
        canvas = app.query_one(Canvas)
        canvas.show([Content("same"), Content("load 10 %")])
        await pilot.pause()
        drawn: list[tuple[int, int, int, int]] = []
        monkeypatch.setattr(canvas, "refresh", lambda *regions, **how: drawn.extend(tuple(r) for r in regions))
        canvas.show([Content("same"), Content("load 11 %")])
        assert drawn == [(6, 1, 1, 1)]
