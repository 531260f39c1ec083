"""A pane comes to the front: what is painted then is what has changed, and once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.errors import Problem
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.screen import MainScreen
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The states that the Deploy pane was drawn for, one after another."""
    drawn: list[object] = []
    draw = DeployPane._draw

    def noted(pane: DeployPane, state: Any) -> None:
        drawn.append(state)
        draw(pane, state)

    monkeypatch.setattr(DeployPane, "_draw", noted)
    return drawn


async def seen_and_left(c: Console, draws: list[object]) -> None:
    """The Deploy pane was in front, is behind another, and nothing happens any more."""
    await c.until("NVIDIA H100")
    await c.press("2")
    await c.until("VERDICT")
    await c.press("1")
    await c.hold()
    await c.press("2", "1")
    draws.clear()


async def test_a_pane_that_comes_back_as_it_was_is_not_drawn(console: ConsoleFactory, draws: list[object]) -> None:
    async with console() as c:
        await seen_and_left(c, draws)
        await c.press("2")
        assert "VERDICT" in c.text
        assert draws == []


async def test_what_changed_behind_is_drawn_when_it_is_seen(console: ConsoleFactory, draws: list[object]) -> None:
    async with console() as c:
        await seen_and_left(c, draws)
        for message in ("no driver", "no GPU"):
            c.pane("deploy").state = replace(c.deploy, plans=(), problem=Problem("gone", message, "Look for it."))
        await c.pilot.pause()
        assert draws == []
        await c.press("2")
        await c.until("No GPU")
        assert draws == [c.deploy]


async def test_so_are_other_colours(console: ConsoleFactory, draws: list[object]) -> None:
    async with console() as c:
        await seen_and_left(c, draws)
        c.app.action_next_theme()
        await c.press("2")
        assert draws == [c.deploy]


async def test_a_window_of_another_size_is_drawn_for(console: ConsoleFactory, draws: list[object]) -> None:
    async with console() as c:
        await seen_and_left(c, draws)
        await c.pilot.resize_terminal(80, 24)
        assert draws == []
        await c.press("2")
        await c.until("VERDICT")
        assert draws == [c.deploy]


async def test_the_focus_moves_without_the_whole_screen_being_painted(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[str] = []
    refresh = MainScreen.refresh

    def noted(screen: MainScreen, *regions: Any, **how: Any) -> MainScreen:
        if not regions and not how.get("layout"):
            whole.append(str(screen.focused))
        return refresh(screen, *regions, **how)

    async with console() as c:
        await c.until("NVIDIA H100")
        monkeypatch.setattr(MainScreen, "refresh", noted)
        await c.press("2", "4", "1")
        assert c.main.focused is c.pane("gpus")
        assert whole == []


async def test_on_a_slow_line_a_key_ends_the_rest_between_two_pictures(
    console: ConsoleFactory, draws: list[object]
) -> None:
    async with console() as c:
        await seen_and_left(c, draws)
        await c.press("2")
        c.main._slow_down()
        c.pane("deploy")._hurried_at = -1.0  # the key before was long ago
        for message in ("first", "second"):
            c.pane("deploy").state = replace(c.deploy, problem=Problem("gone", message, "Look for it."))
        await c.pilot.pause()
        assert len(draws) == 1
        await c.press("pagedown")
        assert draws[1:] == [c.deploy]
