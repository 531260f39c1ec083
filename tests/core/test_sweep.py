"""A sweep's points, its knee, and the chart of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import UsageError
from nemotui.core.goodput import Fault, reasons
from nemotui.core.scatter import scatter
from nemotui.core.sweep import FIRST, Loads, SweepPoint, cells, knee, parse_loads, sweep, sweep_point, sweep_sentence
from tests.core.virtual_runs import measured


def point(load: float, per_user: float, throughput: float, fault: Fault | None = None) -> SweepPoint:
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
FAILED = Fault(word="requests failed", why="1 timeout")
CURVE = [point(1, 100, 100), point(4, 98, 390), point(16, 90, 1440), point(32, 46, 1470), point(64, 23, 1480)]


def test_the_knee_is_where_more_load_only_costs() -> None:
    best = knee(CURVE)
    assert best is not None
    assert best.load == 16
    assert sweep_sentence(CURVE, whole=True) == (
        "The knee is at 16 users: 1,440 output tok/s, 90 tok/s for each user, TTFT 100 ms"
    )
    assert "The knee is at 16 requests/s: " in sweep_sentence(CURVE, whole=False)


def test_a_point_that_does_not_count_is_no_knee() -> None:
    faulty = [p if p.load != 16 else point(16, 90, 1440, FAILED) for p in CURVE]
    best = knee(faulty)
    assert best is not None
    assert best.load == 32


@pytest.mark.parametrize(
    "points",
    [CURVE[:2], [point(1, 100, 100), point(2, 75, 150), point(4, 50, 200)], [point(n, 50, 100) for n in (1, 2, 3)]],
)
def test_a_straight_line_has_no_knee(points: list[SweepPoint]) -> None:
    assert knee(points) is None
    assert "No knee" in sweep_sentence(points, whole=True)


def test_a_point_is_made_of_a_result() -> None:
    result = {**measured("a", 1).result, "run": "somewhere"}
    made = sweep_point(8, result, 2)
    assert made.fault is None
    assert made.per_user == pytest.approx(1000 / result["mean_tpot_ms"])
    assert made.per_gpu == result["output_throughput"] / 2
    assert sweep_point(8, result, None).per_gpu is None
    assert sweep_point(8, {**result, "failed": 1, "errors": {"reset": 1}}, 2).fault == Fault(
        word="requests failed", why="1 reset"
    )


def test_the_table_has_the_word_and_below_it_stands_the_reason_once() -> None:
    late = Fault(word="clock untrusted", why="read late, " * 30)
    points = [point(1, 100, 100), point(2, 99, 190, late), point(4, 98, 390, late), point(8, 97, 700, FAILED)]
    assert [cells(p, "kept")[-1] for p in points] == ["kept", late.word, late.word, FAILED.word]
    assert reasons([(p.load, p.fault) for p in points], whole=True) == [
        f"clock untrusted with 2, 4 at once; with 2: {late.why}",
        "requests failed with 8 at once: 1 timeout",
    ]


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("8, 1,2", Loads(values=(1, 2, 8))),
        ("0.5,1,2/s", Loads(values=(0.5, 1, 2), whole=False)),
        ("2/s,0.5/s", Loads(values=(0.5, 2), whole=False)),
    ],
)
def test_loads_are_concurrencies_or_rates(text: str, loads: Loads) -> None:
    assert parse_loads(text) == loads


@pytest.mark.parametrize("text", ["", "1,x", "0", "1,1", "0.5,1", "1/s,2", "inf/s", "nan/s", "-1/s"])
def test_what_is_no_list_of_loads_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no list of loads"):
        parse_loads(text)


async def _asked(loads: Loads) -> list[BenchSpec]:
    asked = []

    async def measure(spec: BenchSpec) -> Mapping[str, Any]:
        asked.append(spec)
        return {**measured("a", len(asked)).result, "run": f"/runs/run-{len(asked)}"}

    spec = BenchSpec(base_url="http://127.0.0.1:8000", max_concurrency=4)
    assert [step.point.load async for step in sweep(measure, spec, loads, (), 2)] == list(loads.values)
    return asked


def test_a_sweep_of_rates_asks_for_rates_and_its_runs_know_the_first() -> None:
    asked = asyncio.run(_asked(Loads(values=(0.5, 2), whole=False)))
    assert [(spec.request_rate, spec.max_concurrency) for spec in asked] == [(0.5, None), (2, None)]
    assert [spec.metadata.get(FIRST) for spec in asked] == [None, "run-1"]


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
