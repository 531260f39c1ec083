"""The order of the GPUs and the cursor: by UUID, whatever happens to the rows."""

from __future__ import annotations

from nemotui.core.hardware import Gpu
from nemotui.ui.states.gpus_view import GpusView

GPUS = (
    Gpu(index=0, uuid="a", name="H100", utilization_percent=10, power_w=300.0),
    Gpu(index=1, uuid="b", name="H100", utilization_percent=90, power_w=100.0),
    Gpu(index=2, uuid="c", name="H100", state="lost"),
    Gpu(index=3, uuid="d", name="H100", utilization_percent=90, power_w=200.0),
)


def order(view: GpusView) -> str:
    return "".join(gpu.uuid for gpu in view.rows(GPUS))


def test_the_orders_go_round_the_greatest_first_and_the_unknown_last() -> None:
    view = GpusView()
    assert order(view) == "abcd"
    view = view.sorted()
    assert (view.order, order(view)) == ("load", "bdac")
    view = view.sorted()
    assert (view.order, order(view)) == ("memory", "abcd")
    view = view.sorted()
    assert (view.order, order(view)) == ("power", "adbc")
    assert view.sorted() == GpusView()


def test_the_cursor_moves_along_the_rows_and_stops_at_the_ends() -> None:
    view = GpusView(order="load")
    seen = []
    for steps in (0, 1, 1, 1, 1, -1, -9):
        view = view.moved(steps, GPUS)
        seen.append(view.uuid)
    assert seen == ["b", "d", "a", "c", "c", "a", "b"]


def test_the_cursor_stays_with_its_gpu_and_goes_to_the_first_when_that_is_gone() -> None:
    view = GpusView(uuid="d")
    assert view.sorted().chosen(GPUS) is GPUS[3]
    assert view.chosen(GPUS[:3]) is GPUS[0]
    assert view.chosen(()) is None
    assert view.moved(1, ()) is view
