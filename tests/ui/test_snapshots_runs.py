"""What the stored runs and a sweep look like, over a world that stands still: many, none, and on a narrow terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from nemotui.core.bench import PRESETS, BenchSpec
from nemotui.core.compare import compare
from nemotui.core.goodput import Fault, Found, Objective, Probe
from nemotui.core.stores import StoredRun
from nemotui.core.sweep import Loads, SweepPoint, SweepStep
from nemotui.ui.runs import RunsScreen
from nemotui.ui.screen import MainScreen
from nemotui.ui.states.sweep import Begun, Beside, Over, SweepState
from tests.core.test_sweep import CURVE, point
from tests.core.virtual_runs import measured
from tests.ui.scripted import still_app
from tests.ui.test_snapshots import Prepare, Snap, keys, shows

SPEC = BenchSpec(base_url="http://127.0.0.1:8000", model="nemotron-super", **PRESETS["quick"])
FIGURES = {"output_throughput": 655.7, "mean_ttft_ms": 251.4, "mean_itl_ms": 10.32, "failed": 0}
LATE = Fault(word="clock untrusted", why="the load generator read up to 9.4 ms late: TTFT and ITL hold")


def stored(day: int, label: str, **changed: object) -> StoredRun:
    name = f"202611{day:02}T180000Z-{label}"
    result = {**FIGURES, "clock": {"trusted": True}, **changed}
    path = f"/home/ubuntu/.local/state/nemotui/runs/{name}"
    return StoredRun(name=name, path=path, status="finished", spec=replace(SPEC, label=label), result=result)


RUNS = (
    replace(stored(27, "goes-on"), status="running", result=None),
    stored(26, "after-the-driver-update-with-a-label-that-is-long", output_throughput=612.4),
    stored(25, "failures", failed=3),
    stored(24, "late", clock={"trusted": False}),
    replace(stored(23, "by-rate"), spec=replace(SPEC, max_concurrency=None, request_rate=2.5)),
    replace(stored(22, "cut"), status="broken", spec=None, result=None, problem="Input data was truncated"),
    *(stored(day, "nightly") for day in range(21, 0, -1)),
)
PUBLISHED = SweepPoint(
    load=32,
    per_user=35,
    per_gpu=558,
    output_throughput=1116,
    mean_ttft_ms=3900,
    p99_ttft_ms=None,
    mean_itl_ms=28.5,
    fault=None,
    run="published 2xH100 FP8",
)
SWEEP = Begun(kind="sweep", spec=SPEC, loads=Loads(values=(1, 4, 16, 32, 64, 128)), earlier=[point(8, 60, 500)])


def swept(steps: list[SweepStep], begun: Begun = SWEEP) -> SweepState:
    state = SweepState().after(begun)
    for step in steps:
        state = state.after(step)
    return state.after(Beside(PUBLISHED))


def runs(*more: str) -> Prepare:
    return keys("f5", "r", *more)


def sweep(state: SweepState) -> Prepare:
    async def show(pilot: Pilot[None]) -> None:
        main = pilot.app.screen
        assert isinstance(main, MainScreen)
        main.sweep = state
        await pilot.press("f5", "s")

    return show


@pytest.mark.parametrize("size", [(120, 40), (60, 20)])
def test_runs(snap_compare: Snap, size: tuple[int, int]) -> None:
    run = shows("Stored runs  27", "broken", "running", prepare=runs("down", "m"))
    assert snap_compare(still_app(runs=RUNS), terminal_size=size, run_before=run)


def test_no_runs(snap_compare: Snap) -> None:
    assert snap_compare(still_app(), terminal_size=(80, 24), run_before=shows("No run is stored yet.", prepare=runs()))


def test_runs_compared(snap_compare: Snap) -> None:
    async def show(pilot: Pilot[None]) -> None:
        await runs()(pilot)
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, RunsScreen)
        screen._show(screen.state.after([compare(measured("before", 1), measured("after", 2, slower=1.1))]))

    run = shows("Runs compared", "beside before", "worse", prepare=show)
    assert snap_compare(still_app(runs=RUNS), terminal_size=(80, 24), run_before=run)


@pytest.mark.parametrize("size", [(120, 40), (60, 20)])
def test_sweep(snap_compare: Snap, size: tuple[int, int]) -> None:
    steps = [SweepStep(point=one) for one in (*CURVE, point(128, 11, 1490, LATE))]
    run = shows("The knee is at 16 users", "◆", prepare=sweep(swept(steps).after(Over())))
    assert snap_compare(still_app(), terminal_size=size, run_before=run)


def test_sweep_by_rate_that_goes_on(snap_compare: Snap) -> None:
    begun = replace(SWEEP, loads=Loads(values=(0.5, 1, 2), whole=False))
    steps = [SweepStep(point=point(0.5, 100, 60)), SweepStep(point=point(1, 98, 120))]
    run = shows("req/s", "●", prepare=sweep(swept(steps, begun)))
    assert snap_compare(still_app(), terminal_size=(80, 24), run_before=run)


def test_goodput(snap_compare: Snap) -> None:
    goals = (Objective(quantity="ttft", limit_ms=500),)
    reasons = (
        (16, True, "TTFT p95 300 of 500 ms"),
        (64, False, "TTFT p95 900 of 500 ms"),
        (32, True, "TTFT p95 480 of 500 ms"),
    )
    probes = [
        Probe(load=n, good=good, reason=why, limit="ttft", result={"mean_tpot_ms": 25}) for n, good, why in reasons
    ]
    steps = [SweepStep(point=point(p.load, 1600 / p.load, 1400), probe=p) for p in probes]
    state = swept(steps, replace(SWEEP, kind="goodput", objectives=goals))
    state = state.after(Found(best=probes[2], beyond=probes[1], probes=tuple(probes))).after(Over())
    run = shows("serves 32 users at 40 tok/s each; the limit is TTFT", prepare=sweep(state))
    assert snap_compare(still_app(), terminal_size=(120, 40), run_before=run)


def test_no_sweep_yet(snap_compare: Snap) -> None:
    run = shows("requests a second", prepare=sweep(SweepState()))
    assert snap_compare(still_app(), terminal_size=(80, 24), run_before=run)
