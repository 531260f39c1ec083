"""The Bench pane's state and form: a run event by event, and figures that can or cannot be measured."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

from nemotui.core.bench import (
    BenchFailed,
    BenchFinished,
    BenchObserved,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    Quantiles,
    TimelinePoint,
)
from nemotui.core.errors import FailedError
from nemotui.core.model_server import ServedModel, ServerMetrics
from nemotui.core.observe import Observation
from nemotui.core.stores import StoredRun
from nemotui.core.watch import ServerSample
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.bench_form import FIELDS, BenchForm

SPEC = BenchSpec(base_url="http://127.0.0.1:8000", num_prompts=40, max_concurrency=4)
SERVING = ServerSample(at=0.0, base_url="http://127.0.0.1:8000", serving=True, models=(ServedModel(id="super"),))


def point(done: int = 0, *, failed: int = 0, at: float = 0.0, ttft: float | None = None) -> BenchProgress:
    return BenchProgress(
        TimelinePoint(phase="run", elapsed_s=at, done=done, failed=failed, ttft=Quantiles(p50_ms=ttft, p99_ms=ttft))
    )


def after(*events: Any) -> BenchState:
    return reduce(BenchState.after, events, BenchState())


def test_a_run_stage_by_stage() -> None:
    stages = []
    state = BenchState()
    for event in (
        SERVING,
        SPEC,
        BenchStarted("/runs/a"),
        BenchProgress(TimelinePoint(phase="prepare", elapsed_s=0)),
        BenchProgress(TimelinePoint(phase="warmup", elapsed_s=0)),
        point(1, at=1),
        BenchFinished({"completed": 40}),
    ):
        state = state.after(event)
        stages.append((state.stage, state.running))
    assert stages == [
        ("idle", False),
        ("starting", True),
        ("starting", True),
        ("prepare", True),
        ("warmup", True),
        ("run", True),
        ("finished", False),
    ]
    assert state.run == "/runs/a"
    assert state.served == ServedModel(id="super")
    assert state.result == {"completed": 40}


def test_what_cannot_start_is_not_running_and_says_why() -> None:
    state = after(SPEC, BenchFailed(FailedError("runs_folder", "a run cannot be stored", "name another folder")))
    assert (state.stage, state.running) == ("failed", False)
    assert state.failure is not None
    assert state.failure.message == "a run cannot be stored"


def test_the_end_is_computed_from_what_has_ended() -> None:
    assert after(SPEC, point(0, at=3)).eta_s is None
    state = after(SPEC, point(8, failed=2, at=5))
    assert state.progress == pytest.approx(10 / 40)
    assert state.eta_s == pytest.approx(15)  # half a second each, and 30 are left


def test_only_the_measured_phase_is_drawn_and_a_second_without_tokens_is_unknown() -> None:
    warmup = BenchProgress(TimelinePoint(phase="warmup", elapsed_s=0, ttft=Quantiles(p50_ms=999)))
    state = after(SPEC, warmup, point(at=0, ttft=20), point(at=10), point(at=20.1, ttft=30))
    assert state.axis_s == 30
    assert state.history("ttft_p50", 3) == [20, None, 30]
    assert state.history("power", 3) == [None] * 3


def test_when_a_run_has_ended_its_whole_time_is_the_axis() -> None:
    state = after(SPEC, *(point(at=second, ttft=second) for second in range(41)))
    assert state.axis_s == 60
    state = state.after(BenchFinished({}))
    assert state.axis_s == 40
    assert state.history("ttft_p50", 4) == [4.5, 14.5, 24.5, 34.5]


def observed(at: float, power: float | None, **metrics: float) -> BenchObserved:
    server = ServerMetrics(**metrics)  # type: ignore[arg-type]
    return BenchObserved(Observation(phase="run", elapsed_s=at, server=server, gpus=2, power_w=power))


def test_what_stands_beside_the_run_is_on_the_same_axis() -> None:
    state = after(
        SPEC,
        point(at=20.1, ttft=30),
        observed(0, 700, running=8, waiting=2, kv_cache_usage=0.5, prefix_cache_queries=100, prefix_cache_hits=0),
        observed(10, 900, running=8, waiting=0, kv_cache_usage=0.5, prefix_cache_queries=200, prefix_cache_hits=25),
        observed(20, None),
    )
    assert state.history("power", 3) == [700, 900, None]
    assert state.history("requests", 3) == [10, 8, None]
    assert state.history("kv_cache", 3) == [50, 50, None]
    assert state.history("prefix_hits", 3) == [None, 25, None]


def test_a_new_run_forgets_the_one_before() -> None:
    state = after(SERVING, SPEC, BenchStarted("/runs/a"), point(40, ttft=9), BenchFinished({}), SPEC)
    assert state == BenchState(served=ServedModel(id="super"), spec=SPEC)


def test_a_run_of_an_earlier_console_goes_on() -> None:
    state = after(StoredRun(name="a", path="/runs/a", status="running", spec=SPEC), point(20, at=10))
    assert (state.run, state.spec) == ("/runs/a", SPEC)
    assert state.progress == pytest.approx(0.5)


def test_no_server_is_known_by_its_next_sample() -> None:
    assert after(SERVING, replace(SERVING, serving=False, models=())).served is None


def test_the_form_begins_with_the_quick_preset() -> None:
    form = BenchForm()
    assert form.preset == "quick"
    assert form.shape == {
        "input_len": 1024,
        "output_len": 128,
        "num_prompts": 32,
        "max_concurrency": 8,
        "mode": "full",
    }


def test_presets_go_round_and_own_figures_are_kept() -> None:
    form = BenchForm().next_preset()
    assert (form.preset, form.shape["num_prompts"]) == ("published", 512)
    assert form.next_preset().preset == "quick"  # there are no own figures yet
    form = form.typed("num_prompts", "100")
    assert form.preset == "own"
    assert form.next_preset().preset == "quick"
    form = form.next_preset().next_preset().next_preset()
    assert (form.preset, form.shape["num_prompts"], form.shape["input_len"]) == ("own", 100, 8192)


def test_the_mode_belongs_to_no_preset() -> None:
    form = BenchForm().typed("mode", "off")
    assert (form.preset, form.next_preset().shape["mode"]) == ("quick", "off")


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "x", "10000001", "1" * 500, "１２", "[/x]"])
def test_a_wrong_figure_says_what_to_give(text: str) -> None:
    assert BenchForm().typed("input_len", text).wrong == {"input_len": "give a whole number from 1 to 10,000,000"}


def test_a_wrong_mode_names_the_right_ones() -> None:
    assert BenchForm().typed("mode", "fast").wrong == {"mode": "give full, low or off"}


def test_the_form_of_a_run() -> None:
    form = BenchForm.of(replace(SPEC, input_len=8192, max_concurrency=None, mode="low"))
    assert [form.texts[name] for name in FIELDS] == ["8192", "128", "40", "40", "low"]
    assert form.wrong == {}
