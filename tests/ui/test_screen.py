"""The frame: keys that work everywhere, a picture that can be held, quitting, and no way in for outside text."""

from __future__ import annotations

import gc
import re
from typing import Any

import pytest
from textual._styles_cache import StylesCache
from textual.widgets import ContentSwitcher

from nemotui.keys.keymap import remapped
from nemotui.keys.places import PLACES
from nemotui.ui.advice import AdviceScreen
from nemotui.ui.app import NemotuiApp
from nemotui.ui.card import Card
from nemotui.ui.connect import ConnectScreen
from nemotui.ui.conversations import Conversations
from nemotui.ui.inspector import Inspector
from nemotui.ui.lab import LabScreen
from nemotui.ui.lab_prompts import PromptsScreen
from nemotui.ui.modals import Ask, Help
from nemotui.ui.palette import Actions
from nemotui.ui.preview import Preview
from nemotui.ui.runs import RunsScreen
from nemotui.ui.screen import PANES, MainScreen
from nemotui.ui.sweep import SweepScreen
from nemotui.ui.trust import TrustScreen
from nemotui.ui.what_if import WhatIfScreen
from nemotui.ui.widgets.choices import Choices
from nemotui.ui.widgets.key_bar import KeyBar
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

HOSTILE = "\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0]\x1b[0m"


def shown(c: Console) -> str | None:
    return c.main.query_one(ContentSwitcher).current


async def test_panes_by_number_and_by_function_key(console: ConsoleFactory) -> None:
    async with console() as c:
        for number, name in enumerate(PANES, 1):
            await c.press("escape", "escape", str(number))
            assert shown(c) == name
        for number, name in enumerate(PANES, 2):
            await c.press(f"f{number}")
            assert shown(c) == name


async def test_space_holds_the_picture_and_lets_it_go_on(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.until("NVIDIA H100")
        await c.press("space")
        await c.until("PAUSED")
        held = c.pane("gpus").state
        await c.until(lambda: c.main.states["gpus"] is not held)
        assert c.pane("gpus").state is held
        await c.press("space")
        assert "PAUSED" not in c.text
        await c.until(lambda: c.pane("gpus").state is not held)


async def test_the_help_lists_every_key_and_closes(console: ConsoleFactory) -> None:
    async with console(size=(120, 60)) as c:
        await c.press("question_mark")
        assert isinstance(c.app.screen, Help)
        for pane in PANES.values():
            assert pane.LABEL in c.text
        assert "Hold the picture" in c.text
        await c.press("escape")
        assert c.app.screen_stack == [c.main]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20), (40, 10)])
async def test_the_help_always_says_how_it_is_closed(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.press("question_mark")
        await c.until("Esc Close")


async def test_a_long_line_of_the_help_goes_on_under_its_beginning(console: ConsoleFactory) -> None:
    async with console(size=(72, 60)) as c:
        await c.press("question_mark")
        lines = c.text.splitlines()
        at = next(n for n, line in enumerate(lines) if "Leave the console;" in line)
        following = lines[at + 1].partition("│")[2]
        assert len(following) - len(following.lstrip()) + 1 + lines[at + 1].index("│") == lines[at].index("Leave")


async def test_ctrl_c_says_how_to_leave(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("ctrl+c")
        await c.until("q leaves the console")
    async with console() as c:
        await c.press("5", "h", "i", "ctrl+c")
        await c.until("q leaves the console")


async def test_the_palette_has_every_action(console: ConsoleFactory) -> None:
    async with console() as c:
        titles = [command.title for command in c.app.get_system_commands(c.main)]
        assert len(titles) == len(set(titles)) > 20
        assert "Everywhere: Pause (Space)" in titles
        assert not [title for title in titles if "Up" in title or "Next" in title]
        bench = next(command for command in c.app.get_system_commands(c.main) if "Bench (4 or F5)" in command.title)
        await bench.callback()
        assert shown(c) == "bench"


async def test_an_action_of_a_pane_that_is_not_made_yet_is_found_and_makes_it(console: ConsoleFactory) -> None:
    async with console() as c:
        chat = c.main._panes.pop("chat", None)
        if chat is not None:
            await chat.remove()
        mode = next(command for command in c.app.get_system_commands(c.main) if command.title == "Chat: Mode (F7)")
        await mode.callback()
        await c.until("reasoning low")


async def test_an_action_that_has_nothing_to_act_on_says_so(console: ConsoleFactory) -> None:
    async with console() as c:
        stop = next(command for command in c.app.get_system_commands(c.main) if command.title == "Deploy: Stop (x)")
        await stop.callback()
        await c.until("Stop has nothing to act on now")


async def found(c: Console, query: str) -> list[str]:
    """What the palette finds, the best first."""
    hits = [hit async for hit in Actions(c.main).search(query)]
    return [str(hit.text) for hit in sorted(hits, key=lambda hit: -hit.score)]


async def test_the_palette_finds_an_action_by_its_key_and_by_what_it_does(console: ConsoleFactory) -> None:
    async with console() as c:
        assert "Logs: Wrap (w)" in (await found(c, "w"))[:2]
        assert (await found(c, "f8"))[0] == "Chat: Wire (F8)"
        assert "Deploy: Fetch (f)" in await found(c, "image ahead")
        assert not await found(c, "weights of gold")
        await c.press("colon", *"image", "space", *"ahead")
        await c.until("Deploy: Fetch (f)")


async def test_a_help_that_was_closed_is_gone(console: ConsoleFactory) -> None:
    def pictures() -> int:
        gc.collect()
        return sum(isinstance(each, StylesCache) for each in gc.get_objects())

    async with console() as c:
        await c.hold()
        await c.press("question_mark", "escape")
        before = pictures()
        for _ in range(3):
            await c.press("question_mark", "escape")
        assert pictures() <= before


async def test_q_leaves_at_once_where_nothing_is_lost(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("q")
        assert not c.app.is_running


async def test_q_asks_while_a_question_is_unsent(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5", "h", "i", "escape", "q")
        assert isinstance(c.app.screen, Ask)
        assert "not sent yet" in c.text
        await c.press("escape")
        assert c.app.screen_stack == [c.main]
        await c.press("q", "enter")
        assert not c.app.is_running


async def test_outside_text_is_never_markup(console: ConsoleFactory) -> None:
    async with console() as c:
        c.app.notify("[/x] [INFO] a[0]")
        await c.until("[/x] [INFO] a[0]")
        c.app.push_screen(Ask("Stop [/x] [INFO] a[0]?", "Stop [b]it", "docker run [/x]"))
        await c.until("Stop [/x] [INFO] a[0]?")
        assert "Stop [b]it" in c.text
        assert "docker run [/x]" in c.text


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 10), (200, 50), (20, 5)])
async def test_every_size_is_drawn(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.until(lambda: c.main.states["gpus"].machine)
        for key, words in {"f2": "GPU", "f3": "Plans", "f4": "Nothing", "f5": "preset", "f6": "Ask the"}.items():
            await c.press(key)
            if size > (20, 5):
                await c.until(words)


@pytest.mark.parametrize(
    ("profile", "gpus", "plans"),
    [
        ("none", "no NVIDIA driver", "There is no plan without GPUs"),
        ("lost", "lost", "VERDICT"),
        ("mixed", "L40S", "VERDICT"),
        ("gb10", "GB10", "VERDICT"),
        ("8xh200", "H200", "VERDICT"),
    ],
)
async def test_every_machine_is_drawn(console: ConsoleFactory, profile: str, gpus: str, plans: str) -> None:
    async with console(profile=profile, size=(80, 24)) as c:
        await c.until(gpus)
        await c.press("2")
        await c.until(plans)


def screens() -> list[tuple[str, Any]]:
    over = {
        "runs": RunsScreen,
        "sweep": SweepScreen,
        "inspector": Inspector,
        "preview": Preview,
        "card": Card,
        "advice": AdviceScreen,
        "what-if": WhatIfScreen,
        "conversations": Conversations,
        "connect": ConnectScreen,
        "trust": TrustScreen,
        "lab": LabScreen,
        "prompts": PromptsScreen,
        "choices": Choices,
        "ask": Ask,
        "help": Help,
    }
    return [("main", MainScreen), ("app", NemotuiApp), *PANES.items(), *over.items()]


def test_every_place_of_the_table_is_bound_and_every_action_is_there() -> None:
    assert {name for name, _ in screens()} == set(PLACES)
    for name, source in screens():
        assert [binding.id for binding in source.BINDINGS] == [entry.id for entry in PLACES[name].entries]
        for entry in PLACES[name].entries:
            scope, _, action = entry.action.partition("(")[0].rpartition(".")
            there = {"app": NemotuiApp, "screen": MainScreen}.get(scope, source)
            assert hasattr(there, f"action_{action}"), entry


async def test_other_keys_work_and_are_shown_everywhere(console: ConsoleFactory) -> None:
    keymap = remapped({"logs": "f12", "help": "H", "gpus-sort": "#", "deploy": "D"}, "here")
    async with console(keymap=keymap) as c:
        await c.until("press D to deploy")
        await c.until("NVIDIA H100")
        assert "1 GPUs    D Deploy    F12 Logs" in c.text
        assert "Enter Look closer  # Sort  y Copy UUID" in c.text
        await c.press("H")
        await c.until("Esc Close")
        assert re.search(r"F12 +Logs", c.text)
        await c.press("escape", "f12")
        assert shown(c) == "logs"
        await c.until("Press D and choose a plan")
        await c.press("f2", "f4")
        assert shown(c) == "gpus"
        titles = [command.title for command in c.app.get_system_commands(c.main)]
        assert "Everywhere: Logs (F12)" in titles


async def test_the_footer_has_the_keys_that_work_now(console: ConsoleFactory) -> None:
    async with console(size=(120, 40)) as c:
        await c.press("4")
        await c.until("r Runs")
        for word in ("Measure", "Sweep", "Faster"):  # of what nobody serves
            assert word not in c.text.splitlines()[-1]
        await c.press("5", "h", "i")
        await c.until("Esc Leave field")
        for word in ("Wire", "Save", "New"):  # before the first question
            assert word not in c.text.splitlines()[-1]
        assert "Enter sends" not in c.text
        await c.serve()
        await c.until("Enter sends")
        await c.press("f5")
        await c.until("Enter Measure")
        assert "s Sweep" in c.text


async def test_under_a_dialog_the_footer_offers_nothing(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.until("Enter Look closer")
        await c.press("exclamation_mark")
        bar = c.main.query_one(KeyBar)
        await c.until(lambda: not bar.render().plain)
        await c.press("escape")
        await c.until("Enter Look closer")


async def test_where_room_is_scarce_the_pane_in_front_alone_has_its_name(console: ConsoleFactory) -> None:
    async with console(size=(40, 10)) as c:
        await c.press("2")
        await c.until(" 1    2 Deploy    3    4    5\n")


@pytest.mark.parametrize("width", [120, 80, 60, 40])
async def test_the_way_to_the_help_is_always_on_the_screen(console: ConsoleFactory, width: int) -> None:
    async with console(size=(width, 24)) as c:
        for pane in "12345":
            await c.press("escape", pane)
            await c.until(lambda: re.search(r"(\?|F1) Help", c.text.splitlines()[-1]))


@pytest.mark.parametrize(("key", "there"), [(":", "Look closer"), ("5", "Esc leaves")])
async def test_a_window_of_almost_no_width_ends_no_list_and_no_field(
    console: ConsoleFactory, key: str, there: str
) -> None:
    async with console() as c:
        await c.press(key)
        await c.until(there)
        for width in (4, 3, 1, 80):
            await c.pilot.resize_terminal(width, 10)
            await c.pilot.pause(0.1)
        await c.until(there)
