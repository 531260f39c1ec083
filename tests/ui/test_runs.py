"""The stored runs by their keys: the list, the comparison, the replay, the report, whatever lies in the folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nemotui.core.errors import Problem
from nemotui.core.stores import StoredRun
from nemotui.ui.runs import RunsScreen
from nemotui.ui.states.runs import RunsListed, RunsState
from tests.recorded import RECORDED, rewrite
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

BEFORE, AFTER = "20261101T100000Z-before", "20261102T100000Z-after"


def slowed(by: float) -> Callable[[Any], Any]:
    return lambda result: {**result, "output_throughput": result["output_throughput"] / by}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs, the second 6 % slower, and what else may lie in a runs folder."""
    runs = tmp_path / "runs"
    for name, slower in ((BEFORE, 1.0), (AFTER, 1.06)):
        shutil.copytree(RECORDED, runs / name)
        rewrite(runs / name / "result.json", slowed(slower))
    wrong: dict[str, Callable[[Any], Any]] = {
        "text": lambda r: {**r, "output_throughput": "[/x] \x1b[31mfast"},
        "list": lambda r: [r],
        "clock": lambda r: {**r, "clock": "right"},
        "none": lambda _: {},
        "half-a-clock": lambda r: {**r, "clock": {}, "as_vllm": {}},
    }
    for name, change in wrong.items():
        shutil.copytree(RECORDED, runs / f"20250101T100000Z-{name}")
        rewrite(runs / f"20250101T100000Z-{name}" / "result.json", change)
    (runs / "20250102T100000Z-cut").mkdir()
    (runs / "20250102T100000Z-cut" / "spec.json").write_bytes((RECORDED / "spec.json").read_bytes()[:40])
    (runs / "notes [bold]").mkdir()
    return runs


async def listed(c: Console) -> RunsScreen:
    await c.press("4")
    await c.until(lambda: c.pane("bench").has_focus)
    await c.press("r")
    await c.until("notes")
    screen = c.app.screen
    assert isinstance(screen, RunsScreen)
    return screen


async def at(c: Console, name: str) -> None:
    """The cursor on that run."""
    screen = c.app.screen
    assert isinstance(screen, RunsScreen)
    await c.press("home")
    while screen.state.chosen is None or name not in screen.state.chosen.name:
        row = screen.state.row
        await c.press("down")
        assert screen.state.row > row, f"{name} is not listed\n{c.text}"


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_all_that_lies_there_is_listed_and_broken_ones_say_so(
    console: ConsoleFactory, folder: Path, size: tuple[int, int]
) -> None:
    async with console(size=size) as c:
        await listed(c)
        assert "Stored runs  9" in c.text
        assert "broken" in c.text
        await at(c, "text")
        await c.until("cannot be read: result.json: output_throughput is wrong")
        await c.press("enter")
        assert isinstance(c.app.screen, RunsScreen)


async def test_a_folder_that_cannot_be_listed_is_said_in_the_place_of_the_list(
    console: ConsoleFactory, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    runs.write_text("a file in its place")
    async with console() as c:  # which looks for runs by itself, too
        await c.press("4", "r")
        await c.until(lambda: "cannot be listed: Not a directory" in " ".join(c.text.split()))
        assert not [*c.app.screen.query("Toast")]
        runs.unlink()
        await c.until("No run is stored yet.")


@pytest.mark.parametrize("name", ["none", "half-a-clock", "before"])
async def test_an_older_run_opens_with_what_it_knows(console: ConsoleFactory, folder: Path, name: str) -> None:
    async with console() as c:
        await listed(c)
        await at(c, name)
        await c.press("enter")
        await c.until(lambda: c.main.states["bench"].stage == "finished")
        await c.until("output tok/s")


async def test_two_marked_runs_are_compared_with_their_noise(console: ConsoleFactory, folder: Path) -> None:
    async with console(size=(120, 40)) as c:
        await listed(c)
        await at(c, BEFORE)
        await c.press("m")
        await at(c, AFTER)
        await c.press("m", "c")
        await c.until("beside " + BEFORE)
        assert "output_throughput" in c.text
        assert "-5.7%" in c.text
        await c.press("escape")
        await c.until("2 marked")
        await c.press("S")
        # The notice has its path, which may be broken over two lines.
        await c.until(lambda: (folder / BEFORE / "comparison.html").exists())
        assert "<html" in (folder / BEFORE / "comparison.html").read_text()


async def test_one_alone_is_compared_with_the_published_row_or_says_why_not(
    console: ConsoleFactory, folder: Path
) -> None:
    async with console() as c:
        await listed(c)
        await at(c, BEFORE)
        await c.press("c")
        await c.until(lambda: "beside published" in c.text or "no published row" in c.text)


async def test_a_filter_a_label_and_a_deletion_that_is_asked_first(console: ConsoleFactory, folder: Path) -> None:
    async with console() as c:
        screen = await listed(c)
        await c.press("slash", *"BEFORE", "enter")
        await c.until(lambda: len(screen.state.runs) == 1)
        await c.press("l", *"gold", "enter")
        await c.until("finished · gold")
        await c.press("d")
        await c.until(f"Delete {BEFORE}")
        await c.press("escape")
        assert (folder / BEFORE).exists()
        await c.press("d")
        await c.until(f"Delete {BEFORE}")
        await c.press("enter")
        await c.until("No stored run has 'BEFORE'")
        assert not (folder / BEFORE).exists()
        await c.press("slash", "escape")
        await c.until("Stored runs  8")


async def test_a_run_goes_once_more_at_the_speed_that_is_chosen(console: ConsoleFactory, folder: Path) -> None:
    async with console() as c:
        await listed(c)
        await at(c, BEFORE)
        await c.press("r")
        await c.until("Replay × 1 of")
        assert not c.main.states["bench"].measuring
        await c.press("greater_than_sign")
        await c.until("Replay × 2 of")
        await c.press(*["greater_than_sign"] * 9)
        await c.until(lambda: c.main.states["bench"].stage == "finished")
        await c.until("output tok/s")


async def test_x_ends_a_replay_with_its_result(console: ConsoleFactory, folder: Path) -> None:
    async with console() as c:
        await listed(c)
        await at(c, BEFORE)
        await c.press("r")
        await c.until("Replay × 1 of")
        await c.press("less_than_sign", "x")
        await c.until(lambda: c.main.states["bench"].stage == "finished")


def run(name: str) -> StoredRun:
    return StoredRun(name=name, path=f"/runs/{name}", status="broken")


def test_the_cursor_stays_on_its_run_while_newer_ones_come() -> None:
    state = RunsState().after(RunsListed(runs=(run("b"), run("a")), left=0, containing="")).moved(1)
    state = state.after(RunsListed(runs=(run("c"), run("b"), run("a")), left=0, containing=""))
    assert state.chosen == run("a")
    state = state.after(RunsListed(runs=(run("b"),), left=0, containing=""))
    assert state.chosen == run("b")


def test_marks_keep_their_order_and_go_with_a_deleted_run() -> None:
    state = RunsState().after(RunsListed(runs=(run("b"), run("a")), left=0, containing=""))
    state = state.moved(1).with_mark().moved(-1).with_mark()
    assert state.taken == (run("a"), run("b"))
    assert state.without("/runs/a").taken == (run("b"),)
    assert state.after(RunsListed(runs=(run("c"),), left=0, containing="c")).taken == (run("a"), run("b"))
    assert state.after(Problem("k", "m", "")).problem is not None
