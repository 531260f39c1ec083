"""A sweep and a search for goodput by their keys, over the pretend machine; each run is a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.ui.sweep import SweepScreen
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio


async def asked(c: Console, loads: str, goals: str) -> SweepScreen:
    """A server that runs, a small shape, and the sweep's fields filled in."""
    await c.serve()
    await c.press("4")
    await c.until("measures nemotron-super")
    for name, text in (("input_len", "64"), ("output_len", "16"), ("num_prompts", "8")):
        c.pane("bench").query_one(f"#{name}").value = text  # type: ignore[attr-defined]
    await c.press("s")
    await c.until("at once")
    screen = c.app.screen
    assert isinstance(screen, SweepScreen)
    for name, text in (("loads", loads), ("goals", goals)):
        screen.query_one(f"#{name}").value = text  # type: ignore[attr-defined]
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_sweep_draws_its_points_and_goes_on_behind_the_bench_pane(
    console: ConsoleFactory, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(size=size) as c:
        await asked(c, "1,2,4", "")
        await c.press("s")
        await c.until(lambda: c.main.sweep.points)
        await c.press("escape")
        await c.until(lambda: not isinstance(c.app.screen, SweepScreen))
        await c.until(lambda: not c.main.sweep.going)
        await c.press("s")
        await c.until("tok/s for each user")
        assert "output tok/s per GPU" in c.text
        assert "knee" in c.text
        assert [point.load for point in c.main.sweep.points] == [1, 2, 4]
        runs = sorted((tmp_path / "runs").iterdir())
        assert len(runs) == 3
        await c.press("S")
        await c.until(lambda: (runs[0] / "sweep.html").exists())


async def test_a_search_says_its_sentence(console: ConsoleFactory) -> None:
    async with console(size=(120, 40)) as c:
        await asked(c, "1", "ttft:0.001")
        await c.press("g")
        await c.until(lambda: not c.main.sweep.going)
        assert "this server cannot be judged: at 1 user clock untrusted" in " ".join(c.text.split())
        assert "With TTFT p95 < 0.001 ms" in c.text


async def test_wrong_fields_are_said_and_nothing_begins(console: ConsoleFactory) -> None:
    async with console() as c:
        screen = await asked(c, "1,x", "ttft:soon")
        await c.press("s")
        await c.until("is no list of loads")
        screen.query_one("#loads").value = "1"  # type: ignore[attr-defined]
        await c.press("g")
        await c.until("is not an objective")
        assert c.main.sweep.begun is None


async def test_a_sweep_that_is_stopped_keeps_what_it_has_and_begins_no_other(console: ConsoleFactory) -> None:
    async with console(speed=1.0) as c:
        await asked(c, "1,2,4,8", "")
        await c.press("s")
        await c.until(lambda: c.main.states["bench"].run is not None)
        await c.press("x")
        await c.until("Stopped; what was measured is kept.")
        await c.until(lambda: not c.main.states["bench"].running)
        assert not c.main.sweep.going
