"""What each pane looks like, over a world that stands still; each picture also says three things in words.

After a change that is meant: `make test ARGS=--snapshot-update`, and look at the pictures before they are committed.
"""

from __future__ import annotations

import os

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # read when Textual is imported

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest
from textual.pilot import Pilot

from nemotui.adapters.runs import RunsFolder
from nemotui.core.bench import BenchFinished, BenchObserved, BenchProgress, follow_bench
from nemotui.core.chat import ChatDelta, Reply
from nemotui.core.conversation import Asked
from nemotui.core.errors import Problem
from nemotui.core.model_server import ChatChunk
from nemotui.ui.app import NemotuiApp
from nemotui.ui.look import Look
from nemotui.ui.panes.base import Pane
from nemotui.ui.screen import MainScreen
from tests.ui.scripted import RUN, still_app
from tests.ui.seen import seen

Snap = Callable[..., bool]
Prepare = Callable[[Pilot[None]], Awaitable[None]]


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
            assert text in seen(app), f"{text!r} is not on:\n{seen(app)}"

    return run


def keys(*names: str) -> Prepare:
    async def press(pilot: Pilot[None]) -> None:
        await pilot.press(*names)

    return press


def recorded_run(*, until_s: float | None = None, change: Mapping[str, Any] | None = None) -> Prepare:
    """The bench pane with a run that was recorded on the pretend 2×H100: up to a moment, or to its (changed) result."""

    async def follow(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, MainScreen)
        await pilot.press("f5")
        screen._next("bench", await RunsFolder(RUN.parent).find(RUN.name))
        async with aclosing(follow_bench(screen.b.load, str(RUN))) as events:
            async for event in events:
                match event:
                    case BenchProgress(point=moment) | BenchObserved(observation=moment) if until_s is not None:
                        if moment.elapsed_s <= until_s:
                            screen._next("bench", event)
                    case BenchFinished(result=result):
                        if until_s is None:
                            screen._next("bench", BenchFinished({**result, **(change or {})}))
                    case _:
                        screen._next("bench", event)

    return follow


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


def test_without_gpus(snap_compare: Snap) -> None:
    run = shows("The driver works, and there is no GPU.", "r looks again now", prepare=keys())
    assert snap_compare(still_app("none", serving=False), terminal_size=(80, 24), run_before=run)


@pytest.mark.parametrize(
    ("key", "words"),
    [("f4", "Nothing has been started here yet."), ("f5", "No server yet."), ("f6", "No server answers yet.")],
    ids=["logs", "bench", "chat"],
)
def test_nothing_is_served(snap_compare: Snap, key: str, words: str) -> None:
    """What is empty says what to do next."""
    assert snap_compare(still_app(serving=False), terminal_size=(60, 20), run_before=shows(words, prepare=keys(key)))


def test_deploy_without_colours(snap_compare: Snap) -> None:
    run = shows("FP8", "● fits", prepare=keys("f3"))
    look = Look(theme="monochrome")
    assert snap_compare(still_app(serving=False, look=look), terminal_size=(80, 24), run_before=run)


def test_gpus_in_ascii_and_sixteen_colours(snap_compare: Snap) -> None:
    run = shows("NVIDIA H100 80GB HBM3", "70 of 700 W", prepare=keys())
    app = still_app(look=Look(ascii=True, sixteen=True))
    assert snap_compare(app, terminal_size=(80, 24), run_before=run)


def test_logs(snap_compare: Snap) -> None:
    run = shows("Application startup complete", "nemotui", "APIServer", prepare=keys("f4"))
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_bench(snap_compare: Snap, size: tuple[int, int]) -> None:
    run = shows("TTFT", "E2EL", "661 output tok/s; clock trusted", prepare=recorded_run())
    assert snap_compare(still_app(), terminal_size=size, run_before=run)


def test_bench_live(snap_compare: Snap) -> None:
    run = shows("16 of 32", "8 running, 0 waiting", "868 W, 2 GPUs", prepare=recorded_run(until_s=4.2))
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


def test_bench_with_failures(snap_compare: Snap) -> None:
    failed = {"failed": 3, "errors": {"http_5xx": 1, "timeout": 2}, "completed": 29}
    failed |= {"error_samples": {"http_5xx": "HTTP 500: out of memory", "timeout": "no answer in 60 s"}}
    run = shows("3 of 32 requests failed (1 http_5xx, 2 timeout)", prepare=recorded_run(change=failed))
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


def test_chat(snap_compare: Snap) -> None:
    run = shows("hello", "one state of fixed size", "thought for", prepare=conversation)
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_lab(snap_compare: Snap, size: tuple[int, int]) -> None:
    async def asked(pilot: Pilot[None]) -> None:
        await pilot.press("f6", "f9")
        await pilot.pause()
        await pilot.press("enter")
        if size[0] < 100:  # a narrow screen has one column at a time
            await pilot.press("l", "l")

    words = ("THOUGHT", "[-constant-]", "{+much", "of the words differ")
    assert snap_compare(still_app(), terminal_size=size, run_before=shows(*words, prepare=asked))


def test_chat_narrow(snap_compare: Snap) -> None:
    run = shows("constant memory", "full · TTFT", "reasoning full", prepare=conversation)
    assert snap_compare(still_app(), terminal_size=(60, 20), run_before=run)


def test_chat_before_the_first_question(snap_compare: Snap) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.press("5", "slash")

    run = shows("Ask nemotron-super", "/budget N|none", "reasoning full", prepare=prepare)
    assert snap_compare(still_app(), terminal_size=(80, 24), run_before=run)


def chatting(*events: Any) -> Prepare:
    """The pane as these events leave it."""

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        main = pilot.app.screen
        assert isinstance(main, MainScreen)
        for event in (Asked("What is a Mamba layer good for?"), *events):
            main._next("chat", event)

    return prepare


def test_chat_while_it_thinks(snap_compare: Snap) -> None:
    chunks = (ChatChunk(at=0.4, reasoning="The user asks about Mamba. "), ChatChunk(at=1.1, reasoning="Be brief."))
    run = shows(
        "thinking … 0.7 s, about 2 tokens", "Be brief.", "Esc stops the answer", prepare=chatting(*said(*chunks))
    )
    assert snap_compare(still_app(), terminal_size=(80, 24), run_before=run)


def test_chat_that_broke(snap_compare: Snap) -> None:
    code = (
        "As code:\n\n```python\ndef state(h, x):\n    return a * h + b * x\n```\n\n| layer | memory |\n|---|---|\n| M |"
    )
    lost = Problem("connection_lost", "the connection broke in the middle of the reply", "See `nemotui logs`.")
    prepare = chatting(*said(ChatChunk(at=0.4, content=code)), lost)
    run = shows("code 1 python", "See `nemotui logs`", "broken off", prepare=prepare)
    assert snap_compare(still_app(), terminal_size=(80, 24), run_before=run)


def said(*chunks: ChatChunk) -> list[ChatDelta]:
    """A reply to a question of 0 s, piece by piece."""
    reply, deltas = Reply(mode="full", sent_at=0), []
    for chunk in chunks:
        reply = reply.after(chunk)
        deltas.append(ChatDelta(reasoning=chunk.reasoning, content=chunk.content, reply=reply))
    return deltas
