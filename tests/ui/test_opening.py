"""The first picture of the console, and how the main screen takes its place."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator

import pytest
from textual import events
from textual.pilot import Pilot

from nemotui.core.errors import Problem, UsageError
from nemotui.core.hardware import Host, Machine, NoGpusError
from nemotui.sim.machines import load_machine
from nemotui.ui.app import NemotuiApp
from nemotui.ui.opening import Opening
from nemotui.ui.panes.base import Pane
from nemotui.ui.screen import MainScreen
from nemotui.ui.states.gpus import GpusState
from nemotui.ui.widgets.pane_bar import LABELS, PaneBar
from tests.ui.scripted import still_main
from tests.ui.seen import seen

# What the first picture must not wait for, however many panes there will be.
LATER = (
    "nemotui.ui.screen",
    "nemotui.ui.options",
    "nemotui.ui.modals",
    "nemotui.ui.widgets.key_bar",
    "nemotui.ui.widgets.tour",
    "nemotui.core.deploy",
    "nemotui.core.models",
    "nemotui.core.plan",
    "nemotui.core.recommend",
    "nemotui.core.ports",
    "nemotui.catalog",
    "rich.markdown",
    "docker",
    "httpx",
)


class Opened:
    """An opening whose main screen is made when the test says so."""

    def __init__(self, sample: asyncio.Task[Machine], wrong: UsageError | None = None) -> None:
        self.go_on = asyncio.Event()
        self.known: GpusState | None = None
        self.wrong = wrong
        self.app = NemotuiApp(lambda: Opening(sample, self._main, "aside"))
        self.app.animation_level = "none"

    async def _main(self, known: GpusState) -> MainScreen:
        self.known = known
        await self.go_on.wait()
        if self.wrong:
            raise self.wrong
        return still_main(known)

    @property
    def text(self) -> str:
        return seen(self.app)

    async def until(self, pilot: Pilot[None], text: str) -> None:
        for _ in range(600):
            if text in self.text:
                return
            await pilot.pause(0.05)
        raise AssertionError(f"{text!r} never came:\n{self.text}")


async def told(machine: Machine) -> Machine:
    return machine


@contextlib.asynccontextmanager
async def opened(sample: asyncio.Task[Machine]) -> AsyncGenerator[tuple[Opened, Pilot[None]], None]:
    console = Opened(sample)
    async with console.app.run_test(size=(120, 40)) as pilot:
        yield console, pilot


@pytest.mark.anyio
async def test_the_gpus_are_seen_before_there_is_a_main_screen() -> None:
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        assert isinstance(console.app.screen, Opening)
        assert "looking for a server" in console.text
        console.go_on.set()
        await console.until(pilot, "q Quit")
        assert isinstance(console.app.screen_stack[0], MainScreen)
        assert "NVIDIA H100" in console.text


@pytest.mark.anyio
async def test_what_is_typed_meanwhile_is_for_the_main_screen() -> None:
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        await pilot.press("2")
        console.go_on.set()
        await console.until(pilot, "VERDICT")


@pytest.mark.anyio
async def test_the_pane_that_was_asked_for_stands_out_until_it_is_there() -> None:
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        await pilot.press("3", "4")
        assert console.app.screen.query_one(PaneBar).current == "bench"
        console.go_on.set()
        await console.until(pilot, "q Quit")
        await console.until(pilot, " 4 Bench ")
        for _ in range(100):
            if console.app.screen.query_one(PaneBar).current == "bench":
                return
            await pilot.pause(0.05)
        raise AssertionError(console.text)


@pytest.mark.anyio
async def test_who_only_looked_and_quits_does_not_wait_for_the_main_screen() -> None:
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        await pilot.press("2", "q")
        assert not console.app.is_running


@pytest.mark.anyio
async def test_after_the_chat_was_asked_for_a_q_is_text() -> None:
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        await pilot.press("5", "q")
        assert console.app.is_running


@pytest.mark.anyio
async def test_a_key_that_asks_for_a_pane_does_not_wait_for_the_others() -> None:
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        console.go_on.set()
        await console.until(pilot, "q Quit")
        await pilot.press("5", "escape", "3", "2")
        await console.until(pilot, "VERDICT")
        main = console.app.screen
        assert isinstance(main, MainScreen)
        assert sorted(pane.id or "" for pane in main.query(Pane)) == sorted(LABELS)


@pytest.mark.anyio
async def test_what_is_typed_while_the_main_screen_is_mounted_comes_after_what_was_typed_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = asyncio.Event()
    mount = MainScreen.on_mount

    def slowly(main: MainScreen) -> None:
        mount(main)
        made.set()

    monkeypatch.setattr(MainScreen, "on_mount", slowly)
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        await pilot.press("5", *"quiet ")
        console.go_on.set()
        await made.wait()
        for key in "quest":  # the console is the main screen already, and has not done what came first
            console.app.post_message(events.Key(key, key))
        await console.until(pilot, "quiet quest")


@pytest.fixture
def as_at_start() -> Iterator[None]:
    """Nobody looks for garbage, as the console begins; afterwards it is done as before."""
    before = gc.get_threshold()
    gc.disable()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)
    gc.enable()


@pytest.mark.anyio
async def test_garbage_is_looked_for_once_it_has_settled(as_at_start: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemotui.ui.app._SETTLED_S", 0.01)
    async with opened(asyncio.create_task(told(load_machine("2xh100")))) as (console, pilot):
        await console.until(pilot, "NVIDIA H100")
        assert not gc.isenabled()
        console.go_on.set()
        await console.until(pilot, "q Quit")
        while not gc.isenabled():
            await pilot.pause(0.01)
        assert gc.get_freeze_count() > len(gc.get_objects())


@pytest.mark.anyio
async def test_a_driver_that_takes_its_time_does_not_hold_the_main_screen_up() -> None:
    never: asyncio.Future[Machine] = asyncio.get_running_loop().create_future()

    async def silent() -> Machine:
        return await never

    async with opened(asyncio.create_task(silent())) as (console, pilot):
        console.go_on.set()
        await console.until(pilot, "q Quit")
        assert console.known == GpusState()


@pytest.mark.anyio
async def test_without_a_driver_the_host_is_seen() -> None:
    async def none() -> Machine:
        problem = Problem("no_driver", "there is no NVIDIA driver", "Install it.")
        raise NoGpusError(Machine(host=Host(hostname="bare-box"), error=problem))

    async with opened(asyncio.create_task(none())) as (console, pilot):
        await console.until(pilot, "bare-box")


@pytest.mark.anyio
async def test_what_keeps_the_main_screen_from_being_made_ends_the_console_and_is_kept() -> None:
    wrong = UsageError("catalog", "that is no catalogue", "Mend it.")
    console = Opened(asyncio.create_task(told(load_machine("2xh100"))), wrong)
    console.go_on.set()
    async with console.app.run_test() as pilot:
        for _ in range(600):
            if console.app.failure is not None:
                break
            await pilot.pause(0.05)
    assert console.app.failure is wrong


def test_it_names_the_panes_as_they_name_themselves() -> None:
    from nemotui.ui.screen import PANES

    assert {name: pane.LABEL for name, pane in PANES.items()} == dict(LABELS)


def test_it_needs_little() -> None:
    names = "nemotui.cli.console, nemotui.ui.app, nemotui.ui.opening, nemotui.adapters.nvml"
    code = f"import {names}, sys; print(*sys.modules.keys() & {LATER!r})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
