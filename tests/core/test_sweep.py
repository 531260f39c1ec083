"""A sweep's points, its knee, and the chart of them."""

from __future__ import annotations

import pytest

from nemotui.core.scatter import scatter
from nemotui.core.sweep import SweepPoint, knee, sweep_point, sweep_sentence
from tests.core.virtual_runs import measured


def point(load: float, per_user: float, throughput: float, fault: str | None = None) -> SweepPoint:
    return SweepPoint(
        load=load,
        per_user=per_user,
        per_gpu=throughput / 2,
        output_throughput=throughput,
        mean_ttft_ms=100,
        p99_ttft_ms=200,
        mean_itl_ms=1000 / per_user,
        fault=fault,
        run=f"run-{load:g}",
    )


# Throughput doubles with the load and costs nobody anything until 16; from there on only users pay.
CURVE = [point(1, 100, 100), point(4, 98, 390), point(16, 90, 1440), point(32, 46, 1470), point(64, 23, 1480)]


def test_the_knee_is_where_more_load_only_costs() -> None:
    best = knee(CURVE)
    assert best is not None
    assert best.load == 16
    assert sweep_sentence(CURVE) == "the knee is at 16: 1,440 output tok/s, 90 tok/s for each user, TTFT 100 ms"


def test_a_point_that_does_not_count_is_no_knee() -> None:
    faulty = [p if p.load != 16 else point(16, 90, 1440, "requests failed: 1 timeout") for p in CURVE]
    best = knee(faulty)
    assert best is not None
    assert best.load == 32


@pytest.mark.parametrize(
    "points",
    [CURVE[:2], [point(1, 100, 100), point(2, 75, 150), point(4, 50, 200)], [point(n, 50, 100) for n in (1, 2, 3)]],
)
def test_a_straight_line_has_no_knee(points: list[SweepPoint]) -> None:
    assert knee(points) is None
    assert "no knee" in sweep_sentence(points)


def test_a_point_is_made_of_a_result() -> None:
    result = {**measured("a", 1).result, "run": "somewhere"}
    made = sweep_point(8, result, 2)
    assert made.fault is None
    assert made.per_user == pytest.approx(1000 / result["mean_tpot_ms"])
    assert made.per_gpu == result["output_throughput"] / 2
    assert sweep_point(8, result, None).per_gpu is None
    assert sweep_point(8, {**result, "failed": 1, "errors": {"reset": 1}}, 2).fault == "requests failed: 1 reset"


@pytest.mark.parametrize(("width", "height"), [(30, 8), (79, 16), (200, 40)])
def test_the_chart_keeps_to_its_room_and_shows_every_point(width: int, height: int) -> None:
    marked = [(p.per_user or 0.0, p.per_gpu or 0.0, str(i)) for i, p in enumerate(CURVE)]
    lines = scatter(marked, width=width, height=height, x_label="tok/s for each user", y_label="per GPU")
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    body = "".join(line.partition("│")[2] or line.partition("┤")[2] for line in lines[1:-3])
    assert "0" in body
    assert "2" in body


def test_a_chart_of_nothing_is_nothing() -> None:
    assert scatter([], width=80, height=20, x_label="x", y_label="y") == []
