"""Several benchmarks in a row that are broken off: what was measured is in the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nemotui.cli.output import Answer
from nemotui.cli.sweep import run_goodput, run_sweep
from nemotui.core.bench import BenchSpec
from nemotui.core.errors import NothingThereError
from nemotui.core.goodput import Objective
from nemotui.core.ports import Backends
from nemotui.core.sweep import Loads, SweepPoint
from tests.core.virtual_runs import measured

SPEC = BenchSpec(base_url="http://127.0.0.1:8000")
SLO = (Objective(quantity="ttft", limit_ms=60_000),)


class Said:
    """Where a verb speaks."""

    def event(self, kind: str, fields: Mapping[str, Any]) -> None: ...

    def say(self, words: str) -> None: ...


class Stored:
    """No run is stored."""

    async def swept(self, spec: BenchSpec) -> list[SweepPoint]:
        return []


INVOCATION: Any = SimpleNamespace(out=Said())
BACKENDS = cast(Backends, SimpleNamespace(runs=Stored(), catalog=SimpleNamespace(published=())))


def unplugged_after(runs: int) -> Any:
    """A server that is gone after so many runs."""
    left = runs

    async def measure(spec: BenchSpec) -> Mapping[str, Any]:
        nonlocal left
        if left == 0:
            raise NothingThereError("no_server", "no server answers", "Start one.")
        left -= 1
        return {**measured("x", 1).result, "run": f"runs/at-{spec.max_concurrency}"}

    return measure


def sweep_of(loads: tuple[int, ...], measure: Any) -> Answer:
    return asyncio.run(run_sweep(INVOCATION, BACKENDS, SPEC, Loads(values=loads), (), measure, 2))


def test_a_sweep_whose_server_is_gone_has_the_points_before() -> None:
    answer = sweep_of((1, 2, 4), unplugged_after(2))
    assert [point["load"] for point in answer.document["points"]] == [1, 2]
    assert "report runs/at-1 --sweep" in answer.text
    assert answer.error is not None
    assert (answer.exit_code, answer.error.kind) == (3, "no_server")


def test_a_search_whose_server_is_gone_has_its_probes_and_no_sentence() -> None:
    answer = asyncio.run(run_goodput(INVOCATION, SPEC, SLO, unplugged_after(2), most=256, whole=True))
    assert [probe["load"] for probe in answer.document["probes"]] == [16, 64]
    assert answer.document["best"]["load"] == 64
    assert answer.document["sentence"] is None
    assert answer.exit_code == 3


def test_without_any_point_there_is_only_what_went_wrong() -> None:
    with pytest.raises(NothingThereError):
        sweep_of((1, 2), unplugged_after(0))
