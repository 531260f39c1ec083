"""What a small screen still says, what a large one has room for, and what lies over what."""

from __future__ import annotations

import pytest

from nemotui.core.compare import compare
from nemotui.core.stores import StoredConversation
from nemotui.keys.keymap import remapped
from nemotui.ui.conversations import Conversations
from nemotui.ui.states.transcript import Block
from nemotui.ui.states.trust import TrustState
from nemotui.ui.widgets.question import Question
from nemotui.ui.widgets.run_list import comparison_lines
from nemotui.ui.widgets.transcript import Transcript
from nemotui.ui.widgets.trust_words import check_rows
from tests.core.virtual_runs import measured
from tests.ui.conftest import ConsoleFactory
from tests.ui.scripted import still_app
from tests.ui.seen import seen

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("width", [120, 58, 38])
def test_that_a_run_is_worse_stands_in_words_at_every_width(width: int) -> None:
    lines = comparison_lines([compare(measured("before", 1), measured("after", 2, slower=1.1))], width)
    (row,) = [line.plain for line in lines if line.plain.startswith("output_throughput")]
    assert len(row) <= width
    assert row.endswith("worse")


def test_the_row_under_the_cursor_goes_from_end_to_end() -> None:
    rows = check_rows(TrustState(), 2, 70)
    assert [len(row.plain) == 70 for row in rows[:4]] == [False, False, True, False]


@pytest.mark.parametrize("size", [(120, 40), (60, 20)])
async def test_no_toast_covers_what_is_typed(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.press("5", *"hello")
        c.app.notify("It is kept in /home/ubuntu/.local/state/nemotui/copied.txt.")
        await c.until("It is kept in")
        field = c.pane("chat").query_one(Question).region
        lines = c.text.splitlines()
        assert "hello" in lines[field.y + 1]
        assert not any("│" not in line[-2:] for line in lines[field.y + 1 : field.bottom - 1])
        assert next(y for y, line in enumerate(lines) if "It is kept in" in line) < field.y
        await c.press("escape", "1")
        await c.until(lambda: any("It is kept in" in line for line in c.text.splitlines()[-4:]))


async def test_a_key_that_is_typed_into_a_field_is_not_offered_as_one_of_the_pane(console: ConsoleFactory) -> None:
    async with console(size=(120, 40)) as c:
        await c.press("5")
        await c.until("Leave field")
        assert "/ Commands" not in c.text
        await c.press("slash", "plus", "minus")
        assert c.pane("chat").query_one(Question).text == "/+-"


async def test_the_list_of_conversations_names_its_keys_as_they_are(console: ConsoleFactory) -> None:
    listed = [StoredConversation(name=str(n), title=f"Title {n}", saved_at=n, turns=1) for n in range(60)]
    async with console(size=(80, 24), keymap=remapped({"back": "f12"}, "here")) as c:
        c.app.push_screen(Conversations(listed, 0))
        await c.until("Title 3")
        lines = c.text.splitlines()
        (keys,) = [y for y, line in enumerate(lines) if "Enter Open  F12 Back" in line]
        assert lines[keys + 1].count("─") > 20  # they are its last line, and it ends on the screen


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_the_keys_of_what_if_are_its_last_line(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.press("2")
        await c.until("VERDICT")
        await c.press("w")
        await c.until("What if other GPUs")
        lines = c.text.splitlines()
        (keys,) = [y for y, line in enumerate(lines) if "Enter Plan for it" in line]
        assert "Esc Back" in lines[keys]
        assert lines[keys + 1].count("─") > 20


async def test_a_conversation_that_changes_while_it_is_hidden_is_drawn_when_it_is_shown_again() -> None:
    app = still_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        talk = app.screen.query_one(Transcript)
        talk.display = True
        talk.show([Block("note", f"note {number}") for number in range(5)])
        await pilot.pause()
        talk.styles.width = 0
        await pilot.pause()
        talk.show([Block("note", "alone")])
        for y in range(24):
            assert not talk.render_line(y).text.strip()
        talk.styles.width = "1fr"
        await pilot.pause()
        await pilot.pause()
        assert "alone" in seen(app)
