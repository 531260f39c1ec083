"""The Logs pane: followed, held, and never moved under its reader."""

from __future__ import annotations

from typing import Any

import pytest

from nemotui.core.logs import LogLine
from nemotui.core.ports import Container
from nemotui.core.text import plain_line
from nemotui.ui.states.logs import KEPT
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

CONTAINER = Container(id="0a1b", name="nemotui", image="vllm", state="running", labels={})


def lines(count: int, begin: int = 0) -> tuple[LogLine, ...]:
    return tuple(LogLine(f"INFO 10-10 12:00:00 [a.py:1] line {number}.") for number in range(begin, begin + count))


async def at_the_logs(c: Console, *events: Any) -> None:
    """The pane in front, these events in it, and nobody else's."""
    await c.pilot.pause()
    c.main.workers.cancel_all()
    await c.press("3")
    for event in events:
        c.main._next("logs", event)
    await c.until(f"{c.main.states['logs'].total:,} lines")


async def test_before_a_container_the_pane_says_what_to_do(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("3")
        await c.until("Press 2 and choose a plan")


async def test_the_log_of_a_deployment_is_followed(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter", "3")
        await c.until("Application startup complete")
        assert "nemotui  running" in c.text


async def test_new_lines_are_followed_at_the_end(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.until("line 99.")
        c.main._next("logs", lines(1, 100))
        await c.until("line 100.")
        assert "101 lines" in c.text
        assert "paused" not in c.text


async def test_who_scrolls_up_reads_in_peace_and_f_follows_again(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.press("g")
        assert "line 0." in c.text
        c.main._next("logs", lines(3 * KEPT, 100))
        await c.until("paused, 30,000 new lines, f to follow")
        assert "line 0." in c.text
        await c.press("f")
        await c.until(f"line {3 * KEPT + 99}.")
        assert "paused" not in c.text
        assert "the oldest 20,100 dropped" in c.text


async def test_f_holds_at_the_end_too_and_the_end_follows(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.press("f")
        c.main._next("logs", lines(7, 100))
        await c.until("paused, 7 new lines")
        assert "line 100." not in c.text
        await c.press("pageup", "pagedown", "pagedown")
        await c.until("line 106.")


async def test_keys_move_through_the_lines(console: ConsoleFactory) -> None:
    async with console(size=(60, 20)) as c:
        await at_the_logs(c, CONTAINER, (*lines(100), LogLine("x" * 80 + "the end of it")))
        await c.press("up", "up")
        assert "paused" in c.text
        await c.press("G")
        assert "paused" not in c.text
        assert "the end of it" not in c.text
        await c.press("right", "right")
        assert "the end of it" in c.text


async def test_what_came_while_another_pane_was_shown_is_there(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(10))
        await c.press("1")
        c.main._next("logs", lines(90, 10))
        await c.press("3")
        await c.until("line 99.")


async def test_a_new_container_begins_a_new_log(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.press("g")
        c.main._next("logs", Container(id="ffff", name="second", image="vllm", state="running", labels={}))
        c.main._next("logs", lines(1, 500))
        await c.until("line 500.")
        assert "second  running  1 line\n" in c.text
        assert "line 0." not in c.text


async def test_foreign_words_are_shown_as_they_are(console: ConsoleFactory) -> None:
    hostile = plain_line("\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0] [bold]b\x1b[2J")
    container = Container(id="0a1b", name=hostile, image="vllm", state="running", labels={})
    async with console() as c:
        await at_the_logs(c, container, (LogLine(hostile), LogLine(f"ERROR 10-10 12:00:00 [a.py:1] {hostile}")))
        await c.until(f"[a.py:1] {hostile}")
        assert c.text.splitlines()[3].startswith(f" {hostile}  running")
        assert c.text.count(hostile) == 3
        assert "\x1b" not in c.text
