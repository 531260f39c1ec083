"""No sign of life: what counts as one, and when its absence is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.deploy import Starting
from nemotui.core.errors import NothingThereError
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.logs import LogLine
from nemotui.core.lookout import Fetch, Lookout, Sight
from nemotui.core.measured import MeasuredStart, measured_start
from nemotui.core.memory import GIB
from nemotui.core.phases import TYPICAL
from nemotui.core.ports import Container
from nemotui.core.silence import silence
from nemotui.core.startup import StartupTracker
from tests.core.logfiles import captured
from tests.core.machines import CATALOG

FP8 = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"
CONTAINER = Container(
    id="0a1b",
    name="nemotron",
    image="vllm",
    state="running",
    started_at=1000.0,
    labels={},
    args=(FP8,),
    gpus=("GPU-1",),
)


class World:
    """Clock, probe and model cache of a `Backends`, as far as a lookout looks."""

    starts: Kept | None = None
    catalog, typical = CATALOG, TYPICAL

    def __init__(self) -> None:
        self.clock = self.probe = self.cache = self
        self.time, self.held = 1000.0, 0
        self.gpus: tuple[Gpu, ...] = ()
        self.driver = True

    def now(self) -> float:
        return self.time

    monotonic = now

    async def sample(self, detail: str | None = None) -> Machine:
        if not self.driver:
            raise NothingThereError("no_driver", "none")
        return Machine(driver_version="580", cuda_version="13.0", gpus=self.gpus)

    async def held_bytes(self, repo: str) -> int:
        assert repo == FP8
        return self.held

    async def look(self, lookout: Lookout, at: float, **now: Any) -> Sight:
        self.time = at
        for name, value in now.items():
            setattr(self, name, value)
        return await lookout.look()


def gpu(uuid: str, used_gib: float, busy: int) -> Gpu:
    memory = {"memory_used_bytes": int(used_gib * GIB), "memory_total_bytes": 80 * GIB}
    return Gpu(index=int(uuid[-1]), uuid=uuid, name="H100", utilization_percent=busy, **memory)  # type: ignore[arg-type]


def gpus(used_gib: float, busy: int) -> Sequence[Gpu]:
    return gpu("GPU-1", used_gib, busy), gpu("GPU-2", 40 + used_gib, 99)  # the second is not the container's


pytestmark = pytest.mark.anyio


async def test_bytes_memory_and_work_are_signs_and_nothing_else_is() -> None:
    world = World()
    lookout = Lookout(world, CONTAINER)  # type: ignore[arg-type]

    assert (await world.look(lookout, 1001, gpus=gpus(1, 0))).sign_at is None
    assert (await world.look(lookout, 1002)).sign_at is None
    assert (await world.look(lookout, 1003, held=5)).sign_at == 1003
    assert (await world.look(lookout, 1004)).sign_at == 1003
    assert (await world.look(lookout, 1005, gpus=gpus(1.01, 0))).sign_at == 1003  # ten MiB are anybody's
    assert (await world.look(lookout, 1006, gpus=gpus(2, 0))).sign_at == 1006
    assert (await world.look(lookout, 1007, gpus=gpus(2, 3))).sign_at == 1007
    sight = await world.look(lookout, 1008, driver=False)
    assert (sight.sign_at, sight.gpu_used_bytes, sight.gpus) == (1007, None, 0)


async def test_how_full_the_containers_own_gpus_are_and_how_far_the_download_is() -> None:
    world = World()
    lookout = Lookout(world, CONTAINER)  # type: ignore[arg-type]

    await world.look(lookout, 1000, gpus=gpus(3, 0), held=10 * 10**9)
    sight = await world.look(lookout, 1010, held=20 * 10**9)

    assert (sight.gpu_used_bytes, sight.gpu_total_bytes, sight.gpus) == (3 * GIB, 80 * GIB, 1)
    assert sight.fetch is not None
    assert (sight.fetch.held_bytes, sight.fetch.total_bytes) == (20 * 10**9, 128_300_000_000)
    assert sight.fetch.bytes_per_s == 10**9
    assert sight.fetch.eta_s == pytest.approx(108.3)
    assert (sight.fetch.growing, sight.fetch.whole) == (True, False)


async def test_without_an_earlier_start_the_typical_one_is_expected() -> None:
    assert await Lookout(World(), CONTAINER).expectation() is TYPICAL  # type: ignore[arg-type]


def starting(silent_s: float, phase: str = "kernels", gpus: int = 2) -> Starting:
    tracker = StartupTracker(started_at=0.0)
    sight = Sight(gpus=gpus)
    return Starting(
        phase=phase,  # type: ignore[arg-type]
        fraction=0.5,
        eta_s=None,
        elapsed_s=silent_s,
        detail="",
        tracker=tracker,
        sight=sight,
        silent_s=silent_s,
    )


def test_it_is_said_after_minutes_with_what_to_try_in_that_phase() -> None:
    assert silence(starting(299), "nemotron") is None
    said = silence(starting(360), "nemotron")
    assert said is not None
    assert said[0] == "No sign of life for 6 min: no log line, no byte in the model cache, no GPU activity"
    assert "--disable-custom-all-reduce" in said[1]
    assert "docker top nemotron" in said[1]
    compiling = silence(starting(360, "compile", gpus=0), "nemotron")
    assert compiling is not None
    assert "no GPU activity" not in compiling[0]
    assert "half an hour" in compiling[1]


def test_a_hang_that_repeats_itself_is_no_sign_of_life() -> None:
    waits = "(EngineCore pid=9) INFO 11-23 15:03:27 [shm.py:1] No available shared memory broadcast block found in 60 s"
    tracker = StartupTracker().after(LogLine("(EngineCore pid=9) INFO 11-23 15:03:27 [x.py:1] Loading", 100.0))
    assert tracker.after(LogLine(waits, 160.0)).last_sign_at == 100.0


@pytest.mark.parametrize("name", ["h200-vllm-0.24-fp8-startup.log", "h200-vllm-0.24-nvfp4-startup.log"])
def test_the_minutes_of_a_real_h200_start_are_no_silence(name: str) -> None:
    lines, tracker, longest = captured(name), StartupTracker(), 0.0
    for line in lines:
        assert line.time is not None
        if tracker.last_sign_at is not None:
            longest = max(longest, line.time - tracker.last_sign_at)
        tracker = tracker.after(line)

    assert 50 < longest < 100  # the warm-up
    assert silence(starting(longest), "nemotron") is None


def test_a_download_counts_its_own_end() -> None:
    fetch = Fetch(repo=FP8, held_bytes=99, total_bytes=100)
    assert fetch.whole
    assert not replace(fetch, held_bytes=90).whole
    assert not replace(fetch, total_bytes=None).whole


class Kept:
    """A `StartStore` in memory."""

    def __init__(self, *starts: MeasuredStart) -> None:
        self.starts = starts

    def all(self) -> tuple[MeasuredStart, ...]:
        return self.starts


async def test_the_last_start_of_the_same_setup_is_expected_again_with_its_compile_cache() -> None:
    tracker = StartupTracker()
    for line in captured("h200-vllm-0.24-fp8-startup.log"):
        tracker = tracker.after(line)
    labels = {"nemotui": "nemotron", "nemotui.variant": "FP8", "nemotui.tensor-parallel-size": "1"}
    container = replace(CONTAINER, labels=labels)
    world = World()
    world.gpus = (gpu("GPU-1", 1, 0),)
    start = measured_start(container, await world.sample(), tracker, None, at=1.0)
    assert start is not None
    world.starts = Kept(start)

    expected = await Lookout(world, container).expectation()  # type: ignore[arg-type]

    assert expected.measured
    assert (expected.seconds["kernels"], expected.seconds["graphs"]) == (72, 18)
    assert (expected.seconds["compile"], expected.cold_compile_s) == (25 * 0.18, 25)
    for other in (
        replace(container, image="another"),
        replace(container, labels=labels | {"nemotui.variant": "NVFP4"}),
    ):
        assert await Lookout(world, other).expectation() is TYPICAL  # type: ignore[arg-type]
    world.gpus = (gpu("GPU-2", 1, 0),)
    assert await Lookout(world, container).expectation() is TYPICAL  # type: ignore[arg-type]


async def test_a_model_for_the_cpu_goes_by_its_own_name() -> None:
    labels = {"nemotui": "tiny", "nemotui.variant": "", "nemotui.tensor-parallel-size": "1"}
    container = replace(CONTAINER, labels=labels, args=("/models/tiny",), gpus=())
    tracker = StartupTracker()
    for line in captured("vllm-cpu-in-docker-session.log"):
        tracker = tracker.after(line)
    start = measured_start(container, None, tracker, None, at=1.0)
    assert start is not None
    world = World()
    world.driver, world.starts = False, Kept(start)

    assert (await Lookout(world, container).expectation()).measured  # type: ignore[arg-type]
    other = replace(container, args=("/models/another",))
    assert await Lookout(world, other).expectation() is TYPICAL  # type: ignore[arg-type]


async def test_a_folder_is_not_fetched_and_the_load_is_expected_at_once() -> None:
    world = World()
    container = replace(CONTAINER, args=("/models/X-FP8",))

    sight = await world.look(Lookout(world, container), 1001)  # type: ignore[arg-type]

    assert (sight.local, sight.fetch) == (True, None)
    load = LogLine("(EngineCore pid=9) INFO 11-23 15:03:02 [r.py:1] Starting to load model /models/X-FP8", 1001.0)
    tracker = StartupTracker(started_at=1000.0).after(load)
    assert tracker.eta_s(1001.0) is None
    assert tracker.eta_s(1001.0, fetching=False) == 60 + 25 + 72 + 1 + 16 + 2
