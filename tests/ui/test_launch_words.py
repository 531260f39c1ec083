"""A start in words, at the widths of small and large screens."""

from __future__ import annotations

import pytest

from nemotui.core.deploy import Pulling, Starting
from nemotui.core.failed import Failed
from nemotui.core.lookout import Fetch, Sight
from nemotui.core.phases import Phase
from nemotui.core.ports import Layer, PullProgress
from nemotui.core.pull import Kept, Pulled
from nemotui.core.startup import StartupTracker
from nemotui.ui.states.launch import Ahead, Launch
from nemotui.ui.widgets.launch import launch_words
from nemotui.ui.widgets.starting import ahead_words

GIB = 2**30
FETCH = Fetch(repo="nvidia/X-FP8", held_bytes=60 * GIB, total_bytes=120 * GIB, bytes_per_s=GIB, eta_s=60)
LAYERS = (
    Layer(id="0a1b2c3d4e5f", step="done", current_bytes=5 * 2**20, total_bytes=5 * 2**20),
    Layer(id="1a1b2c3d4e5f", step="downloading", current_bytes=2 * GIB, total_bytes=4 * GIB),
    *(Layer(id=f"{number}b1b2c3d4e5f", step="waiting") for number in range(7)),
)
PULL = Pulling(
    progress=PullProgress(current_bytes=2 * GIB, total_bytes=None, status="Downloading", layers=LAYERS),
    bytes_per_s=100 * 2**20,
    elapsed_s=21,
)


def starting(phase: Phase, *, silent_s: float = 0.0, eta_s: float | None = 90.0) -> Launch:
    tracker = StartupTracker(started_at=0.0, phase=phase, starts={"boot": 0.0, phase: 30.0})
    sight = Sight(fetch=FETCH, gpu_used_bytes=40 * GIB, gpu_total_bytes=160 * GIB, gpus=2)
    event = Starting(
        phase=phase,
        fraction=0.25,
        eta_s=eta_s,
        elapsed_s=60.0,
        detail="[bold]Loading[/bold] " + "x" * 300,
        tracker=tracker,
        sight=sight,
        silent_s=silent_s,
    )
    return Launch(starting=event, pull=PULL)


@pytest.mark.parametrize("width", [76, 78, 118, 198])
@pytest.mark.parametrize("launch", [Launch(pull=PULL), starting("download"), starting("kernels", silent_s=400)])
def test_no_line_is_wider_than_the_screen(launch: Launch, width: int) -> None:
    lines = launch_words(launch, width).plain.splitlines()
    assert max(map(len, lines)) <= width + 3  # a phase's cell ends in blanks


def test_a_pull_by_layers() -> None:
    text = launch_words(Launch(pull=PULL), 118).plain
    assert "Fetching the image  0:21  1 of 9 layers unpacked" in text
    assert "2.0 GiB, 100 MiB/s" in text
    assert "1a1b2c3d4e5f" in text
    assert "2.0 of 4.0 GiB, 50 %" in text
    assert "0a1b2c3d4e5f" not in text  # it is done
    assert "and 2 more" in text
    assert "x stops it, and nothing is started." in text
    assert launch_words(Launch(pull=PULL, creating=True), 118).plain.endswith("The container is created …")


def test_a_download_beside_the_memory_of_the_gpus() -> None:
    text = launch_words(starting("download"), 118).plain
    assert "Starting  1:00  ready in about 1:30  (typical, not measured here)" in text
    assert "40.0 of 160.0 GiB on 2 GPUs" in text
    assert "60.0 of 120.0 GiB, 50 %, 1.0 GiB/s, 1:00 left" in text
    assert "✓ fetch image      0:21" in text
    assert "▶ download         0:30" in text
    assert "· warm up kernels ~1:12" in text
    assert "[bold]Loading[/bold]" in text


def test_silence_says_what_to_try() -> None:
    text = launch_words(starting("kernels", silent_s=400, eta_s=None), 78).plain
    assert "no estimate" in text
    assert "▲ No sign of life for 7 min" in text
    assert "docker top" in text


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (PULL, "f breaks it off"),
        (Kept(why="Its registry cannot be reached"), "the image that is here is kept"),
        (Pulled(image="vllm", fetch=FETCH), "● The image is here, and the weights, 60.0 GiB, are here."),
        (Pulled(image="vllm", fetch=None), "there are no weights to fetch"),
        (Failed(kind="disk_full", cause="The disk is full", remedy="Free space."), "→ Free space."),
    ],
)
def test_what_is_fetched_ahead(event: object, words: str) -> None:
    assert words in ahead_words(Ahead(event), 78).plain  # type: ignore[arg-type]
