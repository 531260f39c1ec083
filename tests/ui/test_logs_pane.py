"""The Logs pane: followed, held, and never moved under its reader."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nemotui.core.logs import LogLine
from nemotui.core.ports import Container
from nemotui.core.text import plain_line
from nemotui.ui.panes.logs import LogsPane
from nemotui.ui.states.logs import KEPT
from tests.core.test_logs import PERIODIC
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

CONTAINER = Container(id="0a1b", name="nemotui", image="vllm", state="running", labels={})


def lines(count: int, begin: int = 0) -> tuple[LogLine, ...]:
    return tuple(LogLine(f"INFO 10-10 12:00:00 [a.py:1] line {number}.") for number in range(begin, begin + count))


async def at_the_logs(c: Console, *events: Any) -> None:
    """The pane in front, these events in it, and nobody else's."""
    await c.pilot.pause()
    await c.hold()
    await c.press("3")
    for event in events:
        c.main._next("logs", event)
    await c.until(f"{c.main.states['logs'].total:,} lines")


def offered(c: Console, action: str) -> bool:
    """Whether the footer may show this key now."""
    return any(a.binding.id == action and a.enabled for a in c.app.screen.active_bindings.values())


async def test_before_a_container_the_pane_says_what_to_do(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("3")
        await c.until("Press 2 and choose a plan")
        for action in ("follow", "search", "filter", "error", "save", "copy", "mark"):
            assert not offered(c, f"logs-{action}"), action


async def test_the_log_of_a_deployment_is_followed(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter", "3")
        await c.until("Application startup complete")
        assert "nemotui  running" in c.text


async def test_a_start_is_read_once_and_its_log_goes_on_where_it_ended(console: ConsoleFactory) -> None:
    async with console() as c:
        asked: list[dict[str, Any]] = []
        engine = c.main.b.runtime
        logs = engine.logs

        def noted(container_id: str, **how: Any) -> Any:
            asked.append(how)
            return logs(container_id, **how)

        engine.logs = noted  # type: ignore[method-assign]
        await c.press("3")
        await c.serve()
        await c.until(lambda: len(asked) == 2)
        kept = c.main.states["logs"].lines
        assert asked[0] == {"follow": True, "since": None}
        assert asked[1]["since"] in [line.time for line in kept]
        whole = [line async for lines in logs(c.main.states["logs"].container.id, follow=False) for line in lines]
        assert list(kept) == whole[: len(kept)]
        await c.until("Application startup complete")


async def test_what_an_earlier_run_wrote_stands_before_a_start(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(3))

        async def logs(container_id: str, *, follow: bool, tail: int) -> AsyncGenerator[tuple[LogLine, ...], None]:
            assert (container_id, follow, tail) == ("again", False, KEPT)
            yield tuple(LogLine(f"at {at}", at) for at in (4.0, 5.0, 6.0))

        c.main.b.runtime.logs = logs  # type: ignore[assignment, method-assign]
        await c.main._read_with_start(replace(CONTAINER, id="again", started_at=5.5, finished_at=5.0))
        await c.until("2 lines")
        assert [line.time for line in c.main.states["logs"].lines] == [4.0, 5.0]


async def test_new_lines_are_followed_at_the_end(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.until("line 99.")
        c.main._next("logs", lines(1, 100))
        await c.until("101 lines")
        await c.until("line 100.")
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


async def asked(c: Console, key: str, text: str) -> None:
    """The field of this key, filled and sent off."""
    await c.press(key)
    await c.until(lambda: c.main.query_one("#log-field").has_focus)
    await c.press(*("space" if letter == " " else letter for letter in text), "enter")


MIXED = (
    *lines(40),
    LogLine("WARNING 10-10 12:00:00 [a.py:1] the kv cache is nearly full", 100.0),
    *lines(40, 40),
    LogLine("ERROR 10-10 12:00:00 [a.py:1] KV cache lost", 900.0),
    *lines(40, 80),
)


async def test_a_text_is_looked_for_and_n_and_capital_n_go_on(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, MIXED)
        await asked(c, "slash", "kv cache")
        await c.until("found 1 of 2")
        assert "the kv cache is nearly full" in c.text
        assert "paused" in c.text
        await c.press("n")
        await c.until("found 2 of 2")
        await c.press("n")
        await c.until("found 1 of 2")
        await c.press("N")
        await c.until("found 2 of 2")
        await asked(c, "slash", "nowhere")
        await c.until("not found")
        assert offered(c, "logs-next")
        await c.press("escape")
        await c.until(lambda: not offered(c, "logs-next"))


async def test_a_filter_with_context_and_level(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, MIXED)
        await asked(c, "ampersand", "kv !lost")
        await c.until("only kv !lost  1 of 122 lines")
        assert "line 39." not in c.text
        await c.press("c")
        await c.until("± 3 lines")
        assert "line 37." in c.text
        assert "line 36." not in c.text
        c.main._next("logs", (LogLine("more kv"),))
        await c.until("more kv")
        await asked(c, "ampersand", "level:wraning")  # behind what stands there already
        await c.until("there is no level")
        await c.press("escape")
        await c.until("line 119.")
        await asked(c, "ampersand", "gone")
        await c.until("None of the 123 lines kept is shown. Esc takes the filter away.")


async def test_the_next_error_and_the_one_before(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, MIXED)
        await c.press("e")
        await c.until("error 1 of 1")
        assert "ERROR KV cache lost" in c.text


async def test_only_the_last_minutes(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, MIXED, replace(CONTAINER, state="exited"))
        await asked(c, "T", "5")
        await c.until("121 of 122 lines")  # those without a time pass
        assert re.search(r"since \d\d:\d\d:\d\d ", c.text)
        await asked(c, "T", "soon")
        await c.until("Give a number of minutes")
        await asked(c, "T", "")
        await c.until(lambda: "of 122 lines" not in c.text)


async def test_long_lines_wrap_and_show_their_times_and_whole_heads(console: ConsoleFactory) -> None:
    long = "(EngineCore pid=3) INFO 10-10 12:00:00 [core.py:9] " + "x" * 300 + "the end of it"
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, (*lines(50), LogLine(long, 3.5)))
        assert "EngineCore xxx" in c.text
        assert "the end of it" not in c.text
        await c.press("w")
        await c.until("the end of it")
        row = next(row for row in c.text.splitlines() if "the end of it" in row)
        assert row.strip().startswith("x")
        assert c.text.count("x") == 300
        await c.press("t", "p")
        await c.until(":03.500 (EngineCore pid=3) INFO 10-10")


async def test_marks_are_returned_to_and_copied_from(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.press("g", "down", "m", "down", "down", "y")
        assert c.app.clipboard == "\n".join(line.text for line in lines(3, 1))
        await c.press("G", "M")
        await c.until("▌")
        await c.press("m", "y")
        assert c.app.clipboard == lines(1, 1)[0].text
        await c.until(lambda: not offered(c, "logs-to-mark"))


async def test_periodic_lines_are_figures_until_they_are_wanted(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, (*lines(3), LogLine(PERIODIC), *lines(3, 3)))
        await c.until("engine: in 1,204, out 312 tok/s · 8 running · 3 waiting · KV 14% · hits 63%")
        assert "Avg prompt" not in c.text
        await c.press("r")
        await c.until("Avg prompt throughput")
        assert "engine: in" not in c.text


async def test_the_figures_of_a_server_that_has_ended_are_its_last(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, (*lines(3), LogLine(PERIODIC)), replace(CONTAINER, state="exited"))
        await c.until("engine last: in 1,204, out 312 tok/s")


async def test_who_has_read_all_that_was_held_reads_on_where_it_was(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, lines(100))
        await c.press("pageup")
        c.main._next("logs", lines(100, 100))
        await c.until("paused, 100 new lines")
        await c.press("pagedown")
        await c.until("line 99.")
        assert "paused, 0 new lines" in c.text  # they have joined below, and nothing was skipped
        await c.press("pagedown")
        await c.until("line 110.")
        assert "line 199." not in c.text


async def test_who_turns_back_at_the_end_of_a_flood_is_not_carried_on_by_it(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, lines(100))
        c.main._next("logs", lines(KEPT, 100))
        await c.press("up")
        await c.until("paused, ")
        assert "›" in c.text


async def test_a_key_comes_before_the_next_lines_and_they_after_it(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(size=(80, 24)) as c:
        await at_the_logs(c, CONTAINER, lines(100))
        pane = c.main.query_one(LogsPane)
        monkeypatch.setattr(LogsPane, "DRAW_EVERY_S", 3600.0)  # from the next picture on it rests until it is told
        c.main._next("logs", lines(1, 100))
        await c.until("line 100.")
        monkeypatch.setattr(LogsPane, "KEYS_FIRST_S", 3600.0)
        await c.press("t")
        c.main._next("logs", lines(1, 101))
        pane._rested()
        assert pane.lines.total == 101
        pane._rested()  # however much is typed meanwhile
        assert pane.lines.total == 102


async def test_the_whole_log_is_saved_byte_for_byte(console: ConsoleFactory, tmp_path: Path) -> None:
    async with console() as c:
        await c.serve()
        await c.press("3")
        await c.until("Application startup complete")
        await c.press("ctrl+s")
        await c.until("bytes saved:")
        (saved,) = (tmp_path / "logs").iterdir()
        assert b"\rLoading safetensors checkpoint shards" in saved.read_bytes()


async def test_foreign_words_are_shown_as_they_are(console: ConsoleFactory) -> None:
    hostile = plain_line("\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0] [bold]b\x1b[2J")
    container = Container(id="0a1b", name=hostile, image="vllm", state="running", labels={})
    async with console() as c:
        await at_the_logs(c, container, (LogLine(hostile), LogLine(f"ERROR 10-10 12:00:00 [a.py:1] {hostile}")))
        await c.until(f"ERROR {hostile}")
        assert c.text.splitlines()[3].startswith(f" {hostile}  running")
        assert c.text.count(hostile) == 3
        assert "\x1b" not in c.text


async def test_what_is_not_drawn_is_not_found(console: ConsoleFactory) -> None:
    async with console() as c:
        await at_the_logs(c, CONTAINER, lines(3))
        await c.press("slash", *"12:00:00", "enter")
        await c.until("not found")
        await c.press("p", "n")
        await c.until("found 1 of 3")
