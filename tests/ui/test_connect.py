"""Handing the server over by keys: a recipe tested, run and copied; a benchmark of a client followed and stopped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemotui.core.handing_over import Recipe, Tried
from nemotui.core.handover import RunBegun, RunEnded, RunOutput
from nemotui.core.verify_checks import TrustCheck
from nemotui.ui.states.connect import Begun, ConnectState, Over
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

OK = TrustCheck(name="served-name", status="ok", sent="", found="it is listed")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `uv` of ours before any other."""
    folder.mkdir()
    for name, text in (("uv", script), ("git", "exit 0")):
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def opened(c: Console) -> None:
    await c.serve()
    await c.press("C")
    await c.until("one question by curl")


async def test_a_recipe_is_tested_run_and_copied(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await opened(c)
        await c.press("enter")
        await c.until("✓ works")
        assert "✓ served-name" in c.text
        await c.press("y")
        assert c.app.clipboard.startswith("curl -sS --fail-with-body http://127.0.0.1:")
        await c.press("pagedown", "pagedown", "escape")
        assert c.app.screen is c.main


async def test_what_cannot_work_is_said_with_its_reason(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMOTUI_SIM_FAULT", "no-tool-parser")
    async with console(speed=500) as c:
        await opened(c)
        await c.press("down", "down", "enter")
        await c.until("✖ not here")  # only once every check is made
        assert "It cannot work here." in c.text
        await c.until(lambda: c.main.connect.going is None)
        await c.until(lambda: "y Copy" not in c.text)  # there is no recipe


async def test_a_benchmark_of_a_client_is_followed_to_its_score(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(tmp_path / "bin", monkeypatch, "echo sample 1 of 10; echo accuracy 0.4")
    async with console(speed=500) as c:
        await opened(c)
        await c.press("down", "down", "down", "r")
        await c.until("It is done: accuracy 0.4.")
        assert "sample 1 of 10" in c.text
        (result,) = (tmp_path / "handover").glob("*/result.json")
        assert '"accuracy": 0.4' in result.read_text()


async def test_one_that_goes_on_is_stopped_and_named_when_one_quits(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(tmp_path / "bin", monkeypatch, "echo begun; exec sleep 600")
    async with console(speed=500) as c:
        await opened(c)
        await c.press("down", "down", "down", "r")
        await c.until("begun")
        await c.press("escape", "q")
        await c.until("tau-bench runs, and ends with the console. Quit?")
        await c.press("escape", "C", "x")
        await c.until("It was stopped; what it printed is kept.")
        await c.until(lambda: [*(tmp_path / "handover").glob("*/result.json")])


async def test_without_a_server_it_is_said(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("C")
        await c.until("No server answers yet.")


def test_the_state_keeps_what_came_of_each_client() -> None:
    state = ConnectState().after(Begun("curl")).after(OK).after(Recipe("curl x")).after(Tried(0, "hello")).after(Over())
    handed = state.of("curl")
    assert handed is not None
    assert (state.going, handed.recipe, handed.tried, handed.bad) == (None, "curl x", Tried(0, "hello"), None)
    assert state.after(RunOutput(("late",))) == state  # of a run that is no longer wanted
    ended = RunEnded(directory="d", exit_code=0, seconds=1.0)
    long = state.after(Begun("tau-bench", at_length=True)).after(RunBegun(directory="d"))
    long = long.after(RunOutput(tuple("x" * 3000))).after(ended)
    run = long.of("tau-bench")
    assert run is not None
    assert (len(run.lines), run.ended, long.at_length) == (2000, ended, True)
    assert [client for client, _ in long.handed] == ["curl", "tau-bench"]
