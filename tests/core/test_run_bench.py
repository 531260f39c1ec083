"""A run as the use case tells it: begun, followed, ended, or why not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from nemotui.core.bench import (
    BenchFailed,
    BenchFinished,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    TimelinePoint,
    run_bench,
)
from nemotui.core.errors import NothingThereError
from tests.core.bench_record import SPEC


class FakeLoad:
    """A runner with two points and a result, or the error given."""

    def __init__(self, *, start: NothingThereError | None = None, end: NothingThereError | None = None) -> None:
        self._start, self._end = start, end

    async def start(self, spec: BenchSpec, environment: Mapping[str, Any]) -> str:
        if self._start:
            raise self._start
        return "/runs/1"

    async def follow(self, run: str) -> AsyncGenerator[TimelinePoint]:
        yield TimelinePoint(phase="warmup", elapsed_s=0)
        yield TimelinePoint(phase="run", elapsed_s=0.25)

    async def result(self, run: str) -> Mapping[str, Any]:
        if self._end:
            raise self._end
        return {"completed": 1}

    risk = None

    async def keep_vllm_bench(self, run: str, figures: Mapping[str, Any]) -> None:
        raise AssertionError("nobody asked")

    async def stop(self, run: str) -> None:
        raise AssertionError("nobody asked")


GONE = NothingThereError("no_server", "no server")


@pytest.mark.anyio
async def test_a_run_is_followed_to_its_result() -> None:
    events = [event async for event in run_bench(FakeLoad(), SPEC, {})]
    assert events == [
        BenchStarted("/runs/1"),
        BenchProgress(TimelinePoint(phase="warmup", elapsed_s=0)),
        BenchProgress(TimelinePoint(phase="run", elapsed_s=0.25)),
        BenchFinished({"completed": 1}),
    ]


@pytest.mark.anyio
async def test_a_run_that_cannot_start_or_has_no_result_fails_with_its_error() -> None:
    assert [event async for event in run_bench(FakeLoad(start=GONE), SPEC, {})] == [BenchFailed(GONE)]
    assert [event async for event in run_bench(FakeLoad(end=GONE), SPEC, {})][-1] == BenchFailed(GONE)
