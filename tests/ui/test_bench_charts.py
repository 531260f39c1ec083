"""The charts of a run: as many as fit, one time axis, and a picture that one peak does not flatten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.bench import BenchProgress, BenchSpec, Quantiles, TimelinePoint
from nemotui.ui.states.bench import BenchState
from nemotui.ui.widgets.bench_charts import CHARTS, fitted, grid

POINT = TimelinePoint(
    phase="run",
    elapsed_s=0,
    in_flight=32,
    waiting=1,
    itl=Quantiles(p50_ms=20, p99_ms=40),
    itl_so_far=Quantiles(p50_ms=20, p99_ms=45),
    itl_histogram=((16.384, 3), (20.48, 90)),
)


def ran(*points: TimelinePoint) -> BenchState:
    state = BenchState().after(BenchSpec(base_url="http://h", num_prompts=512))
    for point in points:
        state = state.after(BenchProgress(point))
    return state


QUARTERS = [replace(POINT, elapsed_s=quarter / 4) for quarter in range(80)]
STATE = ran(*QUARTERS)


def drawn(state: BenchState, width: int, height: int, title: str, *, zoomed: bool = True) -> list[str]:
    selected = [chart.title for chart in CHARTS].index(title)
    return [line.plain for line in grid(state, width, height, selected=selected, zoomed=zoomed)]


@pytest.mark.parametrize("size", [(198, 44), (118, 30), (78, 15), (38, 4), (10, 2), (400, 100)])
def test_it_fills_its_room_and_no_more(size: tuple[int, int]) -> None:
    width, height = size
    for selected in range(len(CHARTS)):
        for zoomed in (False, True):
            lines = grid(STATE, width, height, selected=selected, zoomed=zoomed)
            assert 0 < len(lines) <= height
            assert max(line.cell_length for line in lines) <= width
            assert any(CHARTS[selected].title[:8] in line.plain for line in lines)


def test_there_is_no_chart_where_there_is_no_room() -> None:
    assert grid(STATE, 80, 1, selected=0, zoomed=False) == []
    assert grid(STATE, 9, 20, selected=0, zoomed=False) == []


def test_all_of_them_stand_side_by_side_where_the_window_is_large() -> None:
    text = "\n".join(drawn(STATE, 198, 44, "TTFT", zoomed=False))
    assert all(chart.title in text for chart in CHARTS)
    assert text.count("0:20") == sum(not chart.histogram for chart in CHARTS)


def test_one_peak_does_not_flatten_the_rest() -> None:
    peak = replace(POINT, elapsed_s=19.5, itl=Quantiles(p50_ms=20, p99_ms=10_000))
    lines = drawn(ran(*QUARTERS, peak), 40, 10, "ITL")
    assert lines[0].rstrip().endswith("100 ms")
    assert sum("█" * 10 in line for line in lines) >= 1
    assert drawn(STATE, 40, 10, "Requests")[0].rstrip().endswith("50")  # 32 in flight, though one waits


def test_neighbouring_buckets_are_joined_until_they_fit() -> None:
    octaves = [(16 * 2**n / 1000, 1) for n in range(10)]
    assert sum(fitted(octaves, 200)) == sum(fitted(octaves, 7)) == 10
    assert len(fitted(octaves, 200)) == 9 * 8 + 1
    assert len(fitted(octaves, 7)) <= 7
    assert fitted([(0.0, 5), (0.003, 2)], 10) == [5, 0, 0, 2]
