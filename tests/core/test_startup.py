"""The phases of a start, from whole logs of real servers and from the wordings of other versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pytest

from nemotui.core.logs import LogLine
from nemotui.core.phases import PHASES, TYPICAL_S, Expectation, Phase, learned
from nemotui.core.startup import StartupTracker
from tests.core.logfiles import captured, written

GIB = 1024**3


def read(lines: list[LogLine], tracker: StartupTracker | None = None) -> StartupTracker:
    """Line by line; read in passing, all at once, they tell the same."""
    began = tracker or StartupTracker()
    state = reduce(StartupTracker.after, lines, began)
    assert replace(began.read(lines), detail="") == replace(state, detail="")
    return state


# Hand-read from the stamps in each log, which are whole seconds. Those of 0.17 and 0.33 are no captures: they are
# written from the format strings of these versions' sources, with a download in one and a compile cache in the other.
CAPTURED = [
    (
        "vllm-0.17-startup.log",
        {
            "boot": 8,
            "config": 19,
            "engine": 11,
            "download": 540,
            "weights": 52,
            "compile": 37,
            "kernels": 76,
            "kv_cache": 0,
            "graphs": 19,
            "serve": 1,
        },
    ),
    (
        "vllm-0.33-startup.log",
        {
            "boot": 4,
            "config": 13,
            "engine": 3,
            "weights": 36,
            "compile": 5,
            "kernels": 41,
            "kv_cache": 0,
            "graphs": 11,
            "serve": 2,
        },
    ),
    (
        "h200-vllm-0.24-fp8-startup.log",
        {
            "boot": 0,
            "config": 17,
            "engine": 2,
            "weights": 8,
            "compile": 25,
            "kernels": 72,
            "kv_cache": 0,
            "graphs": 18,
            "serve": 1,
        },
    ),
    (
        "h200-vllm-0.24-nvfp4-startup.log",
        {
            "boot": 16,
            "config": 16,
            "engine": 2,
            "weights": 13,
            "compile": 25,
            "kernels": 90,
            "kv_cache": 0,
            "graphs": 14,
            "serve": 2,
        },
    ),
    (
        "vllm-cpu-in-docker-session.log",
        {"boot": 9, "config": 13, "engine": 16, "weights": 1, "kernels": 0, "kv_cache": 6, "serve": 3},
    ),
    (
        "vllm-cpu-startup-torchcompile.log",
        {"boot": 0, "config": 14, "engine": 12, "weights": 1, "compile": 36, "kernels": 1, "kv_cache": 1, "serve": 2},
    ),
]


@pytest.mark.parametrize(("name", "seconds"), CAPTURED, ids=lambda value: value if isinstance(value, str) else "")
def test_the_phases_of_a_captured_start_in_order_with_their_seconds(name: str, seconds: dict[Phase, float]) -> None:
    tracker = read(captured(name))

    assert tracker.phase == "ready"
    assert list(tracker.durations()) == list(seconds)
    assert tracker.durations() == seconds
    assert tracker.elapsed_s(now=0.0) == sum(seconds.values())
    assert tracker.fraction(now=0.0) == 1.0
    assert tracker.eta_s(now=0.0) == 0.0


def test_the_figures_of_an_h200_start() -> None:
    figures = read(captured("h200-vllm-0.24-fp8-startup.log")).figures

    assert figures.version == "0.24.0"
    assert figures.weights_bytes == int(114.21 * GIB)
    assert figures.kv_cache_bytes == int(10.52 * GIB)
    assert figures.kv_cache_tokens == 451_925
    assert figures.max_concurrency == 1.72
    assert figures.graphs_bytes == int(0.70 * GIB)


def test_a_cpu_server_tells_its_cache_in_one_line_and_no_weights() -> None:
    figures = read(captured("vllm-cpu-in-docker-session.log")).figures

    assert (figures.version, figures.kv_cache_tokens, figures.max_concurrency) == ("0.32.0", 3_532_045, 862.32)
    assert figures.weights_bytes is None
    assert figures.kv_cache_bytes is None


@pytest.mark.parametrize(
    "name", ["h200-vllm-0.24-fp8-startup.log", "h200-vllm-0.24-nvfp4-startup.log", "vllm-cpu-in-docker-session.log"]
)
def test_the_fraction_never_goes_back_and_is_one_only_when_ready(name: str) -> None:
    tracker, last = StartupTracker(), 0.0
    for line in captured(name):
        assert line.time is not None
        tracker = tracker.after(line)
        fraction = tracker.fraction(line.time)
        assert last <= fraction
        assert (fraction == 1.0) == (tracker.phase == "ready")
        last = fraction


def test_a_failed_start_stays_in_the_phase_it_failed_in() -> None:
    assert read(captured("h200-vllm-0.24-failed-flashinfer.log")).phase == "engine"


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        # 0.17.1, and wordings that no captured log has
        ("(APIServer pid=1) INFO 03-01 10:00:00 [utils.py:325] vLLM server version 0.17.1", "boot"),
        (
            "(APIServer pid=1) INFO 03-01 10:00:00 [config.py:544] Setting attention block size to 8320 tokens",
            "boot",
        ),
        (
            "(EngineCore_DP0 pid=9) INFO 03-01 10:00:00 [core.py:99] Initializing a V1 LLM engine (v0.17.1)",
            "engine",
        ),
        ("(EngineCore pid=9) INFO 03-01 10:00:00 [model_runner.py:300] Loading model from scratch...", "download"),
        (
            "(Worker_TP0_EP0 pid=9) INFO 03-01 10:00:00 [w.py:533] Time spent downloading weights for X: 612.5 seconds",
            "weights",
        ),
        ("Loading safetensors checkpoint shards:  35% Completed | 6/17 [00:11<00:21,  1.9s/it]", "weights"),
        (
            "(EngineCore_DP0 pid=9) INFO 03-01 10:00:00 [backends.py:650] Dynamo bytecode transform time: 9.4 s",
            "compile",
        ),
        (
            "(EngineCore_DP0 pid=9) INFO 03-01 10:00:00 [monitor.py:34] torch.compile takes 24.0 s in total",
            "kernels",
        ),
        (
            "(EngineCore pid=9) INFO 03-01 10:00:00 [monitor.py:53] [backbone] torch.compile took 4.1 s in total",
            "kernels",
        ),
        ("(Worker_TP1 pid=9) INFO 03-01 10:00:00 [gpu_worker.py:298] Available KV cache memory: 32.1 GiB", "kv_cache"),
        ("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  20%|██        | 7/35 [00:01<00:06]", "graphs"),
        (
            "(APIServer pid=1) INFO 03-01 10:00:00 [api_server.py:81] Starting vLLM API server 0 on http://0:8000",
            "serve",
        ),
        ("INFO:     Application startup complete.", "ready"),
    ],
)
def test_one_line_tells_the_phase(text: str, phase: Phase) -> None:
    assert StartupTracker().after(LogLine(text, 100.0)).phase == phase


def test_a_download_is_a_phase_only_when_files_were_fetched() -> None:
    load = LogLine("(EngineCore pid=9) INFO 03-01 10:00:00 [r.py:1] Starting to load model nvidia/X...", 100.0)
    fetched = LogLine(
        "(EngineCore pid=9) INFO 03-01 10:10:00 [w.py:1] Time spent downloading weights for X: 600 s", 700.0
    )
    shards = LogLine("Loading safetensors checkpoint shards:   0% Completed | 0/17 [00:00<?, ?it/s]", 705.0)
    loaded = LogLine(
        "(EngineCore pid=9) INFO 03-01 10:00:00 [r.py:1] Model loading took 69.5 GiB memory and 60 s", 765.0
    )

    assert read([load, fetched, shards, loaded]).durations() == {"boot": 0.0, "download": 600.0, "weights": 65.0}
    assert read([load, shards, loaded]).durations() == {"boot": 0.0, "weights": 665.0}


def test_nobody_knows_how_long_a_download_takes() -> None:
    tracker = read(written("(EngineCore pid=9) INFO 03-01 10:00:00 [r.py:1] Starting to load model nvidia/X...", 100.0))

    assert tracker.phase == "download"
    assert tracker.eta_s(now=400.0) is None


def test_shards_tell_how_far_the_weights_are() -> None:
    tracker = read(
        written("Loading safetensors checkpoint shards:  35% Completed | 6/17 [00:11<00:21,  1.9s/it]", 100.0)
    )

    assert tracker.done_share == 6 / 17
    assert tracker.detail == "Loading safetensors checkpoint shards:  35% Completed | 6/17 [00:11<00:21,  1.9s/it]"
    # 11/17 of 60 s of weights, then 25 compile, 72 kernels, 1 KV cache, 16 graphs, 2 serve
    assert tracker.eta_s(now=100.0) == pytest.approx(60 * 11 / 17 + 116)
    assert tracker.fraction(now=100.0) == pytest.approx((16 + 17 + 2 + 60 * 6 / 17) / 211)


def test_the_eta_counts_down_through_a_silent_warm_up_and_gives_up_when_it_is_far_over_its_time() -> None:
    tracker = read(
        written("(EngineCore pid=9) INFO 11-23 15:03:27 [m.py:1] Warming up Mamba2 SSD Triton kernels...", 1000.0)
    )

    assert tracker.phase == "kernels"
    assert tracker.eta_s(now=1000.0) == 72 + 1 + 16 + 2
    assert tracker.eta_s(now=1058.0) == 72 - 58 + 19
    assert tracker.eta_s(now=1100.0) == 19
    assert tracker.eta_s(now=1000.0 + 2 * 72 + 11) is None


def test_eager_starts_neither_compile_nor_capture_graphs() -> None:
    tracker = read(
        written(
            """
            (APIServer pid=1) WARNING 11-23 13:50:13 [vllm.py:1703] Enforce eager set, disabling torch.compile
            (EngineCore pid=9) INFO 11-23 13:50:14 [r.py:68] Starting to load model /models/x...
            (EngineCore pid=9) INFO 11-23 13:50:15 [r.py:69] Model loading took 69.5 GiB memory and 60 seconds
            """,
            50.0,
        )
    )

    assert tracker.phase == "kernels"
    assert tracker.eta_s(now=50.0) == 72 + 1 + 2


def test_the_time_before_the_first_line_belongs_to_the_boot() -> None:
    lines = captured("h200-vllm-0.24-fp8-startup.log")
    assert lines[0].time is not None

    tracker = read(lines, StartupTracker(started_at=lines[0].time - 17))

    assert tracker.durations()["boot"] == 17
    assert tracker.elapsed_s(now=0.0) == 143 + 17


def test_what_earlier_starts_took_replaces_what_is_typical() -> None:
    took = {**TYPICAL_S, "boot": 4.0}
    expected = Expectation(seconds=took, measured=True)
    assert StartupTracker(expected=expected).eta_s(now=0.0) == sum(took[phase] for phase in PHASES)


def test_a_worker_that_is_behind_does_not_take_the_phase_back() -> None:
    tracker = read(
        written(
            """
            (Worker_TP0 pid=9) INFO 11-23 13:50:14 [r.py:68] Starting to load model nvidia/X...
            (Worker_TP0 pid=9) INFO 11-23 13:50:15 [r.py:69] Model loading took 57.0 GiB memory and 60 seconds
            (Worker_TP1 pid=10) INFO 11-23 13:50:16 [r.py:68] Loading weights took 58.1 seconds
            """,
            50.0,
        )
    )

    assert tracker.phase == "compile"


def test_banners_routes_and_warnings_are_no_status() -> None:
    tracker = read(
        written(
            """
            (APIServer pid=1) INFO 11-23 15:04:58 [api_server.py:581] Starting vLLM server on http://127.0.0.1:8000
            (APIServer pid=1) INFO 11-23 15:04:58 [launcher.py:46] Route: /health, Methods: GET
            (APIServer pid=1) INFO 11-23 15:02:35 [api_utils.py:339]    ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀
            (APIServer pid=1) WARNING 11-23 15:04:58 [x.py:1] Something is not optimal
            """,
            1.0,
        )
    )

    assert tracker.detail == "Starting vLLM server on http://127.0.0.1:8000"


def lines_at(lines: list[LogLine], time: Callable[[float], float]) -> list[LogLine]:
    """The same log, its times changed."""
    return [replace(line, time=time(line.time)) for line in lines if line.time is not None]


def stretched(lines: list[LogLine], factor: float) -> list[LogLine]:
    start = lines[0].time
    assert start is not None
    return lines_at(lines, lambda t: start + (t - start) * factor)


def compile_cached(lines: list[LogLine], share: float) -> list[LogLine]:
    """Its compile phase takes this share of its time."""
    tracker = read(lines)
    if "compile" not in tracker.starts:
        return lines
    begin, took = tracker.starts["compile"], tracker.durations()["compile"]
    return lines_at(
        lines, lambda t: min(t, begin + (t - begin) * share) if t < begin + took else t - took * (1 - share)
    )


def misses(lines: list[LogLine], tracker: StartupTracker) -> list[tuple[float, float | None, Phase]]:
    """From half-way on, ten times a second: where the estimate is off by more than a fifth of what is left.

    Half a second is none: it is shown in whole seconds.
    """
    begin, end = lines[0].time, read(lines).starts["ready"]
    assert begin is not None
    waiting, tracker = list(lines), replace(tracker, started_at=begin)
    found = []
    for tenth in range(int(10 * (begin + end) / 2), int(10 * end)):
        now = tenth / 10
        while waiting[0].time is not None and waiting[0].time <= now:
            tracker = tracker.after(waiting.pop(0))
        eta, left = tracker.eta_s(now), end - now
        if eta is None or abs(eta - left) > max(0.2 * left, 0.5):
            found.append((left, eta, tracker.phase))
    return found


# How long a download takes its bytes tell, no log does.
@pytest.mark.parametrize("name", [name for name, seconds in CAPTURED if "download" not in seconds])
@pytest.mark.parametrize("factor", [1, 0.7, 1.5])
def test_the_eta_learned_from_a_start_holds_for_a_faster_and_a_slower_one(name: str, factor: float) -> None:
    first = read(captured(name))
    expected = learned(first.durations(), compiled=False)
    assert not misses(stretched(captured(name), factor), StartupTracker(expected=expected))


@pytest.mark.parametrize(
    "name", [name for name, seconds in CAPTURED if seconds.get("compile", 0) > 20 and "download" not in seconds]
)
@pytest.mark.parametrize("factor", [1, 0.7, 1.5])
def test_the_eta_learned_from_a_start_that_compiled_holds_for_the_next_that_need_not(name: str, factor: float) -> None:
    first = read(captured(name))
    assert first.compiled
    expected = learned(first.durations(), compiled=True)
    again = stretched(compile_cached(captured(name), 0.18), factor)
    assert not misses(again, StartupTracker(expected=expected))


def test_how_much_of_a_compilation_its_cache_saves_is_what_a_real_second_start_saved() -> None:
    first, second = read(captured("vllm-cpu-compile-cold.log")), read(captured("vllm-cpu-compile-cached.log"))

    assert (first.compiled, second.compiled) == (True, False)
    assert first.durations()["compile"] == 50.0
    assert learned(first.durations(), compiled=True).seconds["compile"] == second.durations()["compile"] == 9.0
    assert learned(second.durations(), compiled=False).seconds["compile"] == 9.0


def test_a_compilation_whose_cache_did_not_help_is_found_out() -> None:
    log = captured("vllm-cpu-compile-cold.log")
    first = read(log)
    tracker = StartupTracker(expected=learned(first.durations(), compiled=True))
    begun = first.starts["compile"]
    for line in log:
        if line.time is not None and line.time <= begun:
            tracker = tracker.after(line)

    assert tracker.eta_s(begun) == pytest.approx(first.starts["ready"] - begun - 50 * 0.82)
    assert tracker.eta_s(begun + 15) == pytest.approx(first.starts["ready"] - begun - 15)
