"""The frame: keys that work everywhere, a picture that can be held, quitting, and no way in for outside text."""

from __future__ import annotations

import pytest
from textual.binding import Binding
from textual.widgets import ContentSwitcher

from nemotui.ui.app import NemotuiApp
from nemotui.ui.modals import Ask, Help
from nemotui.ui.preview import Preview
from nemotui.ui.screen import PANES, MainScreen
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
        await c.until("Esc Close   Up Down Scroll")


async def test_a_long_line_of_the_help_goes_on_under_its_beginning(console: ConsoleFactory) -> None:
    async with console(size=(80, 60)) as c:
        await c.press("question_mark")
        lines = c.text.splitlines()
        at = next(n for n, line in enumerate(lines) if "Leave the console;" in line)
        assert lines[at + 1].index("server") == lines[at].index("Leave")


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
        ("none", "no NVIDIA driver", "There is no plan without GPUs."),
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


def bindings() -> list[tuple[type, Binding]]:
    sources: list[type] = [NemotuiApp, MainScreen, Ask, Help, Preview, *PANES.values()]
    return [(source, binding) for source in sources for binding in source.BINDINGS]  # type: ignore[attr-defined]


def test_every_binding_says_what_it_does() -> None:
    for source, binding in bindings():
        assert binding.id, (source, binding)
        assert binding.tooltip, (source, binding)
        assert binding.description, (source, binding)
    ids = [binding.id for _, binding in bindings()]
    assert len(ids) == len(set(ids))


def test_no_action_hangs_on_a_key_that_terminals_swallow() -> None:
    """Tab is ctrl+i, Enter ctrl+m, Escape ctrl+[; browsers keep ctrl+t, n, w; ctrl+s, q, z and c mean other things."""
    swallowed = {f"ctrl+{key}" for key in "imhtnwszcq["} | {"alt+f4", "f11"}
    for source, binding in bindings():
        keys = {key.strip() for key in binding.key.split(",")}
        if binding.id in ("quit-anywhere", "how-to-quit"):  # q does the same; it is said what does
            continue
        assert keys - swallowed, (source, binding)
