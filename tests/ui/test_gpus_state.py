"""Each GPU's history by UUID; unknown stays unknown."""

from __future__ import annotations

from dataclasses import replace

from nemotui.core.hardware import Gpu, Machine
from nemotui.core.ports import EngineInfo
from nemotui.ui.states.gpus import KEPT, SAMPLES, GpusState, History, share

GPU = Gpu(
    index=0,
    uuid="GPU-a",
    name="NVIDIA H100 80GB HBM3",
    utilization_percent=98,
    power_w=350.0,
    power_limit_w=700.0,
)


def history(*values: float | None) -> History:
    so_far = History()
    for value in values:
        so_far = so_far.after(value)
    return so_far


def test_each_figure_has_a_history() -> None:
    trace = GpusState().after(Machine(gpus=(GPU,))).traces["GPU-a"]
    assert (trace.utilization.columns, trace.power.columns) == ((98,), (50,))


def test_a_column_is_the_mean_of_its_samples_so_far_and_the_unknown_counts_for_nothing() -> None:
    assert SAMPLES == 5
    assert history(10, 20).columns == (15,)
    assert history(10, None, 20, None, 30).columns == (20,)
    assert history(10, None, 20, None, 30, 50).columns == (20, 50)
    assert history(*[None] * 5, None, 7).columns == (None, 7)


def test_at_rest_a_history_stands_still_but_for_a_new_column() -> None:
    assert history(0, 0, 0, 0, 0).columns == (0,)
    assert history(0, 0, 0, 0, 0, 0).columns == (0, 0)


def test_old_values_do_not_count_again() -> None:
    silent = replace(GPU, state="not-answering", age_s=5.0)
    state = GpusState().after(Machine(gpus=(silent,)))
    assert state.traces["GPU-a"].power.columns == (None,)


def test_the_history_follows_the_uuid_not_the_index() -> None:
    other = replace(GPU, uuid="GPU-b", utilization_percent=1)
    state = GpusState().after(Machine(gpus=(GPU, replace(other, index=1))))
    state = state.after(Machine(gpus=(replace(other, index=0), replace(GPU, index=1))))
    assert [state.traces[uuid].utilization.columns for uuid in ("GPU-a", "GPU-b")] == [(98,), (1,)]


def test_the_engine_is_known_once_it_has_answered() -> None:
    info = EngineInfo(version="28.5.1", api_version="1.51", nvidia_runtime=True)
    assert GpusState().after(info).after(Machine(gpus=(GPU,))).engine == "28.5.1"


def test_histories_are_bounded() -> None:
    assert len(history(*[1.0] * (KEPT + 50) * SAMPLES).columns) == KEPT


def test_a_share_of_the_unknown_is_unknown() -> None:
    assert (share(None, 80), share(20, None), share(20, 0), share(20, 80)) == (None, None, None, 25)
