"""The inspector by its keys: over a conversation of the pretend machine, and over hostile and huge exchanges."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nemotui.core.exchange import Answered, Ended, Exchange, Received, Sent, followed
from nemotui.core.text import escaped
from nemotui.ui.inspector import Inspector
from nemotui.ui.states.inspected import Inspected
from nemotui.ui.widgets.exchange_lines import ExchangeLines
from nemotui.ui.widgets.raw_text import rows
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

SENT = Sent(at=0.0, method="POST", url="http://x/v1/chat/completions", headers=(), body='{"a": 1}', size=8)


def exchange(*texts: str) -> Exchange:
    events = (Received(at=1 + i / 100, text=escaped(text), size=len(text)) for i, text in enumerate(texts))
    answered = Answered(at=0.5, status=200, reason="OK", headers=(("server", "uvicorn"),))
    found = followed(None, (SENT, answered, *events, Ended(at=9.0, how="[DONE]", notes=("Odd it is.",))))
    assert found is not None
    return found


async def inspect(c: Console, exchanges: Sequence[Exchange]) -> None:
    shown = [Inspected(title=f"[off] question {n}", exchange=each) for n, each in enumerate(exchanges)]
    c.app.push_screen(Inspector(lambda: shown, lambda: "$(cat key)"))
    await c.until(lambda: isinstance(c.app.screen, Inspector) and "On the" in c.text)


async def test_an_answer_is_seen_as_it_came_and_its_request_copied(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.serve()
        await c.press("5")
        await c.until("Ask nemotron-super")
        await c.press(*"Why?", "enter")
        await c.until("· stop")
        await c.press("f8")
        await c.until("On the wire")
        assert "[full] Why?" in c.text
        assert "POST /v1/chat/completions" in c.text
        assert "user-agent: python-httpx" in c.text
        assert 'role "assistant"' in c.text
        await c.press("y")
        assert c.app.clipboard.startswith("curl -sSN http://127.0.0.1:")
        assert '"content":"Why?"' in c.app.clipboard
        await c.press("G", "k")
        await c.until("›  ")
        await c.press("Y")
        assert c.app.clipboard == "[DONE]"
        await c.press("escape")
        await c.until("❯ Why?")


async def test_every_row_has_one_ground_and_the_cursors_its_own(console: ConsoleFactory) -> None:
    async with console() as c:
        await inspect(c, [exchange('{"a": 1}')])
        shown = c.app.screen.query_one(ExchangeLines)
        grounds = [{segment.style and segment.style.bgcolor for segment in shown.render_line(y)} for y in range(4)]
        assert [len(each) for each in grounds] == [1] * 4
        assert None not in set().union(*grounds)
        assert grounds[0] != grounds[1] == grounds[2] == grounds[3]


async def test_before_anything_was_asked_its_key_is_neither_offered_nor_taken(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5", "escape")
        await c.until("F7 Mode")
        assert "F8" not in c.text
        await c.press("f8")
        assert "F7 Mode" in c.text


async def test_its_keys_go_through_pieces_and_replies(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await inspect(c, [exchange('{"one":1}'), exchange('{"two":2}', *(f'{{"n":{n}}}' for n in range(100)))])
        assert "2 of 2" in c.text
        assert "! Odd it is." in c.text
        await c.press("j", "j")
        assert '  "two": 2' in c.text
        await c.press("w")
        await c.until('  {"two":2}')
        await c.press("pagedown", "enter")
        assert "AT ms" not in c.text
        await c.press("escape", "end")
        assert "end: [DONE]" in c.text
        await c.press("left", "home", "down", "down")
        await c.until('{"one":1}')
        assert "1 of 2" in c.text
        await c.press("question_mark")
        await c.until("These keys")


async def test_a_reply_that_still_comes_grows_on_the_screen(console: ConsoleFactory) -> None:
    async with console() as c:
        shown = [Inspected(title="[low] q", exchange=Exchange(sent=SENT))]
        c.app.push_screen(Inspector(lambda: shown, lambda: None))
        await c.until("no reply yet")
        shown[0] = Inspected(title="[low] q", exchange=exchange("late"))
        await c.until("not JSON: late")


@pytest.mark.parametrize("size", [(160, 50), (80, 24), (40, 10), (10, 3)])
async def test_hostile_and_huge_events_do_no_harm(console: ConsoleFactory, size: tuple[int, int]) -> None:
    hostile = "\x1b]0;owned\x07[bold]\x9b2J\u202e[/x] 漢字" * 50
    async with console(size=size) as c:
        await inspect(c, [exchange(hostile, "x" * 1_000_000, "漢" * 50_000, "two\nlines")])
        for _ in range(6):
            await c.press("down", "enter", "pagedown", "G", "w", "enter")
        await c.pilot.resize_terminal(100, 30)
        await c.press("home", "down", "down", "w")
        assert "\\u001b]0;owned\\u0007[bold]\\u009b2J\\u202e[/x]" in c.text
        assert "\x1b" not in c.text


def test_rows_hold_every_character_and_are_never_too_wide() -> None:
    assert rows("abcdef", 4) == ["abcd", "ef"]
    assert rows("a\n\nb", 4) == ["a", "", "b"]
    assert rows("漢字a漢", 5) == ["漢字a", "漢"]
    assert rows("", 4) == [""]
