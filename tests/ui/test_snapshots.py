"""What each pane looks like, over a world that stands still; each picture also says three things in words.

After a change that is meant: `make test ARGS=--snapshot-update`, and look at the pictures before they are committed.
"""

from __future__ import annotations

import os

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # read when Textual is imported

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from nemotui.adapters.runs import RunsFolder
from nemotui.core.bench import follow_bench
from nemotui.ui.app import NemotuiApp
from nemotui.ui.panes.base import Pane
from nemotui.ui.screen import MainScreen
from tests.ui.scripted import RUN, still_app

Snap = Callable[..., bool]
Prepare = Callable[[Pilot[None]], Awaitable[None]]


def on_screen(app: NemotuiApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def shows(*texts: str, prepare: Prepare) -> Prepare:
    """Prepare the screen, let it settle, and hold it to these texts."""

    async def run(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await prepare(pilot)
        app = pilot.app
        assert isinstance(app, NemotuiApp)
        for _ in range(20):
            await pilot.pause()
        while any(pane._rest is not None for pane in app.screen.query(Pane).results(Pane)):
            await pilot.pause(0.05)  # a pane that rests between two pictures may have one to draw
        await pilot.pause()
        for text in texts:
            assert text in on_screen(app), f"{text!r} is not on:\n{on_screen(app)}"

    return run


def keys(*names: str) -> Prepare:
    async def press(pilot: Pilot[None]) -> None:
        await pilot.press(*names)

    return press


async def recorded_run(pilot: Pilot[None]) -> None:
    """The bench pane with a run that was recorded on the pretend 2×H100."""
    screen = pilot.app.screen
    assert isinstance(screen, MainScreen)
    await pilot.press("f5")
    screen._next("bench", await RunsFolder(RUN.parent).find(RUN.name))
    screen._work("bench", screen._bench(follow_bench(screen.b.load, str(RUN))))


async def conversation(pilot: Pilot[None]) -> None:
    await pilot.press("f6", *"hello", "enter")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_gpus(snap_compare: Snap, size: tuple[int, int]) -> None:
    run = shows("NVIDIA H100 80GB HBM3", "70 of 700 W", "NVLink connects every pair", prepare=keys())
    assert snap_compare(still_app(), terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_deploy(snap_compare: Snap, size: tuple[int, int]) -> None:
    run = shows("FP8", "fits", "NVFP4", prepare=keys("f3"))
    assert snap_compare(still_app(serving=False), terminal_size=size, run_before=run)


def test_logs(snap_compare: Snap) -> None:
    run = shows("Application startup complete", "nemotui", "INFO", prepare=keys("f4"))
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


def test_bench(snap_compare: Snap) -> None:
    run = shows("TTFT", "E2EL", "661.5 output tok/s", prepare=recorded_run)
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


def test_chat(snap_compare: Snap) -> None:
    run = shows("hello", "one state of fixed size", "thought for", prepare=conversation)
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)
