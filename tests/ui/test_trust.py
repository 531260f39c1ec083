"""The trust checks by their keys, over a pretend server that is sound and one that is not."""

from __future__ import annotations

import pytest

from nemotui.core.verify import CHECKS
from nemotui.ui.trust import TrustScreen
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio


async def opened(c: Console) -> None:
    """A server that runs, and its checks in front."""
    await c.serve()
    await c.press("v")
    await c.until(f"Enter makes {len(CHECKS)} checks")


async def test_offered_when_ready_made_by_a_key_and_seen_one_by_one(console: ConsoleFactory) -> None:
    async with console(size=(80, 24), speed=500) as c:
        await c.press("2")
        await c.serve()
        await c.until(f"v verifies it: {len(CHECKS)} trust checks")
        await c.press("v")
        await c.until(f"Enter makes {len(CHECKS)} checks")
        assert "served-name" in c.text
        await c.press("G", "o")
        await c.until("is left out")
        await c.press("enter")
        await c.until(f"{len(CHECKS) - 1} ok, 1 skipped")
        await c.press("g")
        assert "came   it answers" in c.text
        await c.press("y")
        assert c.app.clipboard.startswith("nemotron-super at http://127.0.0.1:")
        await c.press("escape")
        assert c.app.screen is c.main
        await c.press("v")
        await c.until(f"{len(CHECKS) - 1} ok, 1 skipped")


async def test_a_fault_is_shown_with_what_it_means_and_its_fix(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMOTUI_SIM_FAULT", "no-tool-parser")
    async with console(speed=500) as c:
        await opened(c)
        await c.press("enter")
        await c.until("1 skipped · just now")  # no call came whose result could be sent
        assert "✖ FAIL tool-call " in c.text
        assert "fix    " in c.text
        assert "--enable-auto-tool-choice" in c.text


async def test_they_go_on_behind_another_pane_and_end_with_a_word(console: ConsoleFactory) -> None:
    async with console(speed=500) as c:
        await opened(c)
        await c.press("enter", "escape", "1")
        await c.until(f"Trust checks of nemotron-super: {len(CHECKS)} ok")


async def test_what_they_find_under_a_dialog_is_there_when_it_closes(console: ConsoleFactory) -> None:
    async with console(size=(80, 24), speed=500) as c:
        await opened(c)
        await c.press("enter", "question_mark")
        await c.until("These keys")
        await c.until(lambda: not c.main.trust.going)
        await c.press("escape")
        await c.until(f"{len(CHECKS)} ok · just now")
        await c.until("Enter Verify")  # and no longer Stop


async def test_they_can_be_stopped(console: ConsoleFactory) -> None:
    async with console(speed=1) as c:
        await opened(c)
        await c.press("enter")
        await c.until("asking …")
        await c.press("x")
        await c.until(lambda: not c.main.trust.going)
        assert len(c.main.trust.found or {}) < len(CHECKS)
        assert "asking" not in c.text


async def test_without_a_server_it_is_said(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("v")
        await c.until("No server answers yet.")


@pytest.mark.parametrize("size", [(60, 20), (40, 10), (10, 3)])
async def test_a_window_that_is_too_small_does_no_harm(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        c.app.push_screen(TrustScreen(c.main.trust, lambda: 0.0, lambda: None, lambda: None, lambda name: None))
        await c.until(lambda: isinstance(c.app.screen, TrustScreen))
        await c.press("G", "pagedown", "g")
        await c.pilot.resize_terminal(120, 40)
        await c.until("served-name")
