"""The pretended start, read by the project's own start-up tracker and diagnosis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.diagnose import diagnose
from nemotui.core.logs import LogLine
from nemotui.core.phases import PHASES
from nemotui.core.startup import StartupTracker
from nemotui.sim.arguments import ServeArguments, parse
from nemotui.sim.machines import load_machine
from nemotui.sim.startup_log import Entry, script

REPO = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-"


def arguments(*argv: str) -> ServeArguments:
    return parse(argv, environment={})


def entries(given: ServeArguments) -> list[Entry]:
    return list(
        script(
            given.settings,
            disk_bytes=given.disk_bytes,
            host=given.host,
            port=given.port,
            given=given.given,
            start_seconds=211.0,
            failure=given.failure,
        )
    )


def tracked(found: list[Entry]) -> StartupTracker:
    tracker = StartupTracker(started_at=0.0)
    for entry in found:
        tracker = tracker.after(LogLine(entry.text, entry.at * 211))
    return tracker


@pytest.mark.parametrize("argv", [(REPO + "FP8", "-tp", "2"), (REPO + "NVFP4", "--profile", "1xb200"), ()])
def test_a_start_goes_through_every_phase_in_its_time(argv: tuple[str, ...]) -> None:
    found = entries(arguments(*argv))
    assert [e.at for e in found] == sorted(e.at for e in found)
    assert 0 < found[0].at < found[-1].at < 1
    tracker = tracked(found)
    assert list(tracker.starts) == [phase for phase in PHASES if phase not in ("download", "ready")]
    # The tracker's expectation is where the script takes its times from: it is right all along.
    assert tracker.fraction(found[-1].at * 211) == pytest.approx(found[-1].at, abs=0.02)


def test_the_figures_are_those_of_the_memory_plan() -> None:
    given = arguments(REPO + "FP8", "-tp", "2")
    figures = tracked(entries(given)).figures
    memory = given.settings.memory
    assert figures.version == "0.33.0"
    assert figures.weights_bytes == pytest.approx(memory.weights, rel=1e-3)
    assert figures.kv_cache_bytes == pytest.approx(memory.pool, rel=1e-3)
    assert figures.max_concurrency == pytest.approx(memory.live_requests(262144), abs=0.005)
    assert figures.kv_cache_tokens == given.settings.kv_cache_tokens


def test_the_shards_are_counted_to_the_end() -> None:
    bars = [e.text for e in entries(arguments(REPO + "NVFP4", "--profile", "1xb200")) if "shards" in e.text]
    assert bars[0].startswith("Loading safetensors checkpoint shards:   0% Completed | 0/17 [")
    assert bars[-1].startswith("Loading safetensors checkpoint shards: 100% Completed | 17/17 [")
    assert len(bars) == 18


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        ((REPO + "FP8", "--profile", "1xh100"), "out_of_memory"),
        ((REPO + "NVFP4", "--profile", "1xh100"), "no_cache_memory"),
        ((REPO + "FP8", "-tp", "2", "--max-num-seqs", "1024"), "too_many_seqs"),
        ((REPO + "FP8", "-tp", "3", "--profile", "8xh200"), "tp_does_not_divide"),
        ((REPO + "FP8", "-tp", "4"), "too_few_gpus"),
        ((REPO + "NVFP4", "-tp", "4", "--profile", "4xa100"), "kv_dtype_unsupported"),
        ((REPO + "BF16", "-tp", "8", "--profile", "8xa100-40", "--max-model-len", "9000000"), "context_too_long"),
        ((REPO + "FP8", "-tp", "2", "--gpu-memory-utilization", "0.75"), "no_cache_memory"),
        ((REPO + "FP8", "-tp", "2", "--profile", "2xh100-busy"), "gpu_busy"),
    ],
)
def test_a_plan_that_does_not_fit_dies_as_on_real_gpus(argv: tuple[str, ...], kind: str) -> None:
    given = arguments(*argv)
    lines = [LogLine(entry.text, entry.at) for entry in entries(given)]
    found = diagnose(lines, 1, False)
    assert found is not None
    assert found.kind == kind


def test_a_busy_gpu_that_is_not_used_does_no_harm() -> None:
    free = load_machine("2xh100-busy").gpus[0].uuid
    given = arguments(REPO + "FP8", "--profile", "2xh100-busy", "--visible-gpus", free)
    assert given.failure is not None  # one H100 is too small, but the other's holder is not to blame
    assert "out of memory" in given.failure.text


def test_a_model_that_is_not_ours_always_starts() -> None:
    assert arguments("/models/tiny", "--profile", "1xh100").failure is None


def test_auto_tool_choice_is_told_only_where_it_is_on() -> None:
    given = arguments(REPO + "FP8", "-tp", "2")
    assert not any("tool choice" in entry.text for entry in entries(given))
    with_tools = replace(given, settings=replace(given.settings, tool_parser=True))
    assert any("tool choice" in entry.text for entry in entries(with_tools))
