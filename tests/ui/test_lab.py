"""The lab by its keys, over the pretend machine's own server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nemotui.ui.lab import LabScreen
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio


async def opened(c: Console, *, serving: bool = True) -> LabScreen:
    """The lab, over a server that runs."""
    if serving:
        await c.serve()
    await c.press("5", "f9")
    await c.until(lambda: isinstance(c.app.screen, LabScreen))
    screen = c.app.screen
    assert isinstance(screen, LabScreen)
    return screen


async def test_a_prompt_that_ships_in_three_columns_looked_at_one_by_one_and_kept(
    console: ConsoleFactory, tmp_path: Path
) -> None:
    async with console(size=(80, 24)) as c:
        await opened(c)
        await c.press("p")
        await c.until("Which prompt?")
        await c.press("G", "g", "j", "down", "enter")
        await c.until("code: Write a Python function")
        await c.press("enter")
        await c.until(lambda: c.main.lab.over)
        await c.until("[full]  low   off")
        assert "SETTING  THOUGHT  ANSWER" in c.text
        await c.press("l", "l")
        await c.until(" full   low  [off]")
        assert "off  ✓ stop" in c.text
        await c.press("S")
        await c.until("The lab is kept")
        (kept,) = (tmp_path / "lab").iterdir()
        assert [row["name"] for row in json.loads((kept / "lab.json").read_text())["rows"]] == ["code"]
        await c.press("escape")
        await c.until(lambda: not isinstance(c.app.screen, LabScreen))


async def test_a_typed_prompt_under_typed_settings_side_by_side(console: ConsoleFactory) -> None:
    async with console(size=(120, 40)) as c:
        screen = await opened(c)
        screen.query_one("#lab-settings").value = "low off,temprature=1"  # type: ignore[attr-defined]
        await c.press("e", *"Hi", "enter")
        await c.until("Did you")
        assert c.main.lab.begun is None
        screen.query_one("#lab-settings").value = "low off,max_tokens=9"  # type: ignore[attr-defined]
        await c.press("enter")
        await c.until(lambda: c.main.lab.over)
        await c.until("off,max_tokens=9  ✓ length")
        assert "low  ✓ stop" in c.text
        assert "off,max_tokens=9 beside low" in c.text


async def test_a_file_of_prompts_is_a_batch_that_goes_on_behind_the_console_and_can_be_stopped(
    console: ConsoleFactory, tmp_path: Path
) -> None:
    file = tmp_path / "p.txt"
    file.write_text("Is 7 prime?\nWhat is 2 + 2?\n" + "Tell me a long story\n" * 400)
    async with console(size=(120, 40), speed=4.0) as c:
        screen = await opened(c)
        for path, words in ((tmp_path / "none", "cannot read"), (file, "402 prompts. Enter asks them.")):
            await c.press("f")
            screen.query_one("#lab-file").value = str(path)  # type: ignore[attr-defined]
            await c.press("enter")
            await c.until(words)
        await c.press("enter")
        await c.until(lambda: len(c.main.lab.rows) > 1)
        await c.press("escape")
        await c.until(lambda: not isinstance(c.app.screen, LabScreen))
        await c.until(lambda: len(c.main.lab.rows) > 3)
        await c.press("f9")
        await c.until("going on")
        await c.press("x")
        await c.until(lambda: not c.main.lab.going)
        await c.press(*["b"] * len(c.main.lab.rows))
        await c.until("1 of 402 · Is 7 prime?")
        await c.press(*["n"] * (len(c.main.lab.rows) + 1))
        await c.until("their means")
        assert len(c.main.lab.rows) < 402


async def test_without_a_server_nothing_begins(console: ConsoleFactory) -> None:
    async with console(size=(60, 20)) as c:
        await opened(c, serving=False)
        await c.press("enter")
        await c.until("No server answers yet")
        assert c.main.lab.begun is None
