"""The Bench pane by its keys, over the pretend machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from nemotui.core.bench import BenchFailed, BenchFinished, BenchProgress, BenchSpec, BenchStarted, TimelinePoint
from nemotui.core.bench_summary import summarise
from nemotui.core.errors import FailedError
from nemotui.core.model_server import ServedModel
from nemotui.core.stores import StoredRun
from nemotui.core.watch import ServerSample
from nemotui.ui.panes.bench import BenchPane
from nemotui.ui.states.bench_form import BenchForm
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

SPEC = BenchSpec(base_url="http://127.0.0.1:8000", model="super", num_prompts=40, max_concurrency=4)
HOSTILE = "[/x] [INFO] a[0] [bold]"


async def serving(c: Console) -> None:
    """A server that runs, and the Bench pane in front."""
    await c.serve()
    await c.press("4")
    await c.until("measures nemotron-super")


async def test_without_a_server_it_says_what_to_do(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await c.press("4")
        await c.until("No server yet.")
        assert "2: deploy one, or see how far it is." in c.text


async def test_a_quick_benchmark_by_keys(console: ConsoleFactory, tmp_path: Path) -> None:
    async with console() as c:
        await serving(c)
        assert "preset quick" in c.text
        await c.press("enter")
        await c.until("32 requests in")
        for words in ("TIME SCALED × 50", "TTFT", "TPOT", "ITL", "E2EL", "p99", "output tok/s", "clock"):
            assert words in c.text
        await c.press(*["j"] * 20)  # to its end, however much there is to say
        await c.until(lambda: str(tmp_path)[:60] in c.text)


async def test_a_wrong_figure_is_said_beside_the_field_and_nothing_starts(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await serving(c)
        await c.press("e", "0", "tab", "tab", "tab", "tab", *"fast", "enter")
        await c.until("input: give a whole number from 1 to 10,000,000")
        assert "mode: give full, low or off" in c.text
        assert c.app.focused is c.pane("bench").query_one("#input_len")
        assert not c.main.states["bench"].running
        await c.press("6", "4", "shift+tab", "q")  # typed into another field: q is a letter there
        assert c.app.screen is c.main


async def test_the_fields_are_left_and_the_preset_switched(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("4", "p")
        await c.until("preset published")
        assert c.pane("bench").query_one("#num_prompts", Input).value == "512"
        await c.press("e", *"100")
        await c.until("preset own")
        await c.press("escape", "p", "p", "p")
        await c.until("preset own")
        assert c.pane("bench").query_one("#input_len", Input).value == "100"


async def test_x_stops_the_run_and_keeps_what_it_has(console: ConsoleFactory) -> None:
    async with console(speed=1.0) as c:
        await serving(c)
        await c.press("e", "tab", "tab", *"10000", "enter")
        await c.until("of 10,000 · ")
        await c.until(lambda: c.main.states["bench"].latest.done > 0)
        await c.press("x")
        await c.until("Not complete, the run was stopped")
        assert 0 < c.main.states["bench"].result["completed"] < 10_000


async def test_keys_go_by_what_is_while_the_picture_is_held(console: ConsoleFactory, tmp_path: Path) -> None:
    async with console(speed=1.0) as c:
        await serving(c)
        c.pane("bench")._fill(BenchForm.of(replace(SPEC, num_prompts=10_000)))  # type: ignore[attr-defined]
        await c.press("space", "enter", "enter", "enter")
        await c.until(lambda: c.main.states["bench"].latest)
        assert "PAUSED" in c.text
        assert len(list((tmp_path / "runs").iterdir())) == 1
        await c.press("q")
        await c.until("which ends with the console. Quit?")
        await c.press("escape", "x")
        await c.until(lambda: c.main.states["bench"].result)
        assert c.main.states["bench"].result["interrupted"]
        await c.press("space")
        await c.until("Not complete, the run was stopped")


async def test_a_run_that_is_begun_elsewhere_is_shown(console: ConsoleFactory) -> None:
    async with console(speed=1.0) as c:
        await serving(c)
        spec = replace(SPEC, base_url=f"http://127.0.0.1:{c.port}", model="nemotron-super", num_prompts=10_000)
        run = await c.main.b.load.start(spec, {})
        await c.until("of 10,000 · ")
        assert c.main.states["bench"].run == run
        await c.press("x")
        await c.until("Not complete, the run was stopped")
        await c.main._find_run()
        assert not c.main.states["bench"].running


async def test_a_run_of_an_earlier_console_fills_the_form(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("4")
        c.main._next("bench", StoredRun(name="a", path="/runs/a", status="running", spec=SPEC))
        await c.until("Starting …")
        c.main._next("bench", BenchStarted("/runs/a"))
        c.main._next("bench", BenchProgress(TimelinePoint(phase="run", elapsed_s=2, done=10, in_flight=4)))
        await c.until("10 of 40 · 4 in flight · 0:02 · ETA 0:06")
        assert c.pane("bench").query_one("#max_concurrency", Input).value == "4"
        assert "preset own" in c.text


async def test_a_long_timeline_read_in_one_go_is_drawn_a_few_times(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures: list[int] = []
    draw = BenchPane.draw

    def counted(pane: BenchPane) -> None:
        pictures.append(1)
        draw(pane)

    async with console() as c:
        await c.press("4")
        monkeypatch.setattr(BenchPane, "draw", counted)
        c.main._next("bench", SPEC)
        for second in range(2000):
            c.main._next("bench", BenchProgress(TimelinePoint(phase="run", elapsed_s=second, done=second // 50)))
        await c.until("39 of 40")
        assert len(pictures) < 20


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_words_from_outside_are_shown_as_they_are(console: ConsoleFactory, size: tuple[int, int]) -> None:
    long = "x" * 10_000
    result = {**summarise(SPEC, (), 1.0), "complete": False, "interrupted": True, "approximate_prompts": HOSTILE}
    result |= {"reason": HOSTILE, "run": long, "failed": 3, "errors": {HOSTILE: 3}}
    result["clock"] = {**result["clock"], "notes": [HOSTILE, long]}
    result["published"] = {"row": HOSTILE, "comparable": False, "reason": HOSTILE}
    async with console(size=size) as c:
        await c.press("4")
        sample = ServerSample(at=0, base_url=SPEC.base_url, serving=True, models=(ServedModel(id=HOSTILE),))
        c.main._next("bench", sample)
        await c.until("measures")
        assert HOSTILE in c.text
        c.main._next("bench", SPEC)
        point = TimelinePoint(phase="run", elapsed_s=2, done=10, failed=3, errors={HOSTILE: 3})
        c.main._next("bench", BenchProgress(point))
        await c.until("errors: 3 [/x] [INFO]")
        c.main._next("bench", BenchFinished(result))
        await c.until("Not complete, [/x] [INFO]")
        c.main._next("bench", SPEC)
        c.main._next("bench", BenchFailed(FailedError("x", HOSTILE, long)))
        await c.until("[/x] [INFO]")
        assert "\x1b" not in c.text


async def test_a_published_row_beside_the_result(console: ConsoleFactory) -> None:
    result = {**summarise(replace(SPEC, time_scale=1), (), 1.0), "complete": True, "interrupted": False}
    result |= {"reason": None, "run": "/runs/a", "approximate_prompts": None}
    figures = {"output_throughput": 2057, "total_token_throughput": 18515, "mean_ttft_ms": 4040, "mean_itl_ms": 12}
    ratios = {"output_throughput_ratio": 0.94, "total_token_throughput_ratio": None, "mean_ttft_ms_ratio": 0.92}
    row = {"row": "2xb200-nvfp4", "comparable": True, "reason": None, "mean_itl_ms_ratio": 1.0}
    result["published"] = {**row, **figures, **ratios}
    async with console() as c:
        await c.press("4")
        for event in (SPEC, BenchStarted("/runs/a"), BenchFinished(result)):
            c.main._next("bench", event)
        await c.until("94 % of the published throughput; TTFT 8 % better; ITL as published; clock not trusted.")
        for words in ("2,057  0.94 ×", "4,040  0.92 ×", "12  1.00 ×", "published  2xb200-nvfp4"):
            assert words in c.text
        assert "TIME SCALED" not in c.text


@pytest.mark.parametrize("size", [(60, 20), (40, 10), (10, 3)])
async def test_a_window_that_is_too_small_does_no_harm(console: ConsoleFactory, size: tuple[int, int]) -> None:
    result = {
        **summarise(SPEC, (), 1.0),
        "complete": True,
        "reason": None,
        "run": "/runs/a",
        "approximate_prompts": None,
    }
    async with console(size=size) as c:
        await c.press("4")
        for event in (SPEC, BenchProgress(TimelinePoint(phase="run", elapsed_s=2, done=10)), BenchFinished(result)):
            c.main._next("bench", event)
            await c.pilot.pause(0.3)
        await c.pilot.resize_terminal(120, 40)
        await c.until("0 requests in")


async def test_a_chart_is_selected_alone_and_left_and_the_equal_command_copied(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    async with console(size=(80, 24)) as c:
        monkeypatch.setattr(c.app, "copy_to_clipboard", copied.append)
        await c.press("4")
        for second in range(5):
            c.main._next("bench", BenchProgress(TimelinePoint(phase="run", elapsed_s=second, in_flight=4)))
        await c.until("ITL")
        await c.press("tab", "plus")
        await c.until(lambda: "Output" not in c.text and "ITL" in c.text)
        await c.press("shift+tab", "shift+tab")
        await c.until("Prefix hits")
        await c.press("escape")
        await c.until("ITL so far")  # the page of the selected one
        await c.press("y")
        await c.until(lambda: copied)
    assert copied[0].startswith("vllm bench serve --backend openai-chat --endpoint /v1/chat/completions")
    assert "--random-input-len 1024 --random-output-len 128 --num-prompts 32 --max-concurrency 8" in copied[0]


async def test_what_does_not_fit_the_servers_context_is_not_begun(console: ConsoleFactory) -> None:
    async with console() as c:
        await serving(c)
        c.pane("bench")._fill(BenchForm.of(replace(SPEC, input_len=9_000_000)))  # type: ignore[attr-defined]
        await c.press("enter")
        await c.until("9,000,000 tokens in and 128 out are more")
        assert not c.main.states["bench"].running
