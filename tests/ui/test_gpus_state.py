"""Each GPU's history by UUID; unknown stays unknown."""

from __future__ import annotations

from dataclasses import replace

from nemotui.core.hardware import Gpu, Machine
from nemotui.core.ports import EngineInfo
from nemotui.ui.states.gpus import KEPT, GpusState, share

GPU = Gpu(
    index=0,
    uuid="GPU-a",
    name="NVIDIA H100 80GB HBM3",
    memory_total_bytes=80,
    memory_used_bytes=20,
    utilization_percent=98,
    power_w=350.0,
    power_limit_w=700.0,
)


def test_samples_make_a_history_of_each_figure() -> None:
    state = GpusState().after(Machine(gpus=(GPU,))).after(Machine(gpus=(replace(GPU, utilization_percent=None),)))
    trace = state.traces["GPU-a"]
    assert list(trace.utilization) == [98, None]
    assert list(trace.memory) == [25, 25]
    assert list(trace.power) == [50, 50]


def test_old_values_do_not_count_again() -> None:
    silent = replace(GPU, state="not-answering", age_s=5.0)
    state = GpusState().after(Machine(gpus=(silent,)))
    assert list(state.traces["GPU-a"].power) == [None]


def test_the_history_follows_the_uuid_not_the_index() -> None:
    other = replace(GPU, uuid="GPU-b", utilization_percent=1)
    state = GpusState().after(Machine(gpus=(GPU, replace(other, index=1))))
    state = state.after(Machine(gpus=(replace(other, index=0), replace(GPU, index=1))))
    assert list(state.traces["GPU-a"].utilization) == [98, 98]
    assert list(state.traces["GPU-b"].utilization) == [1, 1]


def test_the_engine_is_known_once_it_has_answered() -> None:
    info = EngineInfo(version="28.5.1", api_version="1.51", nvidia_runtime=True)
    assert GpusState().after(info).after(Machine(gpus=(GPU,))).engine == "28.5.1"


def test_histories_are_bounded() -> None:
    state = GpusState()
    for _ in range(KEPT + 50):
        state = state.after(Machine(gpus=(GPU,)))
    assert len(state.traces["GPU-a"].utilization) == KEPT


def test_a_share_of_the_unknown_is_unknown() -> None:
    assert (share(None, 80), share(20, None), share(20, 0), share(20, 80)) == (None, None, None, 25)
