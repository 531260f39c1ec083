"""GPUs that hang, vanish and come back while we watch; the others are not held up, and nothing crashes the process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest

from nemotui.adapters import threads
from nemotui.adapters.nvml import NvmlProbe
from nemotui.adapters.nvml_calls import pynvml
from nemotui.core.errors import NothingThereError
from nemotui.core.hardware import GpuProcess, Host, Machine
from tests.core.scripted import Clock

from . import fake_nvml
from .fake_nvml import GPU_IS_LOST, FakeGpu, FakeNvml
from .test_nvml_probe import probe

pytestmark = pytest.mark.anyio

Install = Callable[..., FakeNvml]


def states(machine: Machine) -> list[tuple[int, str, str]]:
    return [(gpu.index, gpu.uuid, gpu.state) for gpu in machine.gpus]


async def all_answer(reader: NvmlProbe, *, anew: bool = False) -> Machine:
    """The next sample in which every GPU has answered."""
    while True:
        with contextlib.suppress(NothingThereError):
            machine = await reader.sample(anew=anew)
            if all(gpu.state == "ok" for gpu in machine.gpus) and machine.error is None:
                return machine


async def test_a_gpu_that_hangs_does_not_hold_up_the_others(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock, patience_s=0.2, drain_s=0.05)
    await reader.sample()
    library.hang_in, library.hang_gpu = "nvmlDeviceGetUtilizationRates", 0
    for gpu in library.gpus:
        gpu.utilization = 50
    await reader.sample()
    await threads.call(library.hung.wait)
    clock.time += 20
    library.gpus[1].utilization = 80
    hung, well = (await reader.sample()).gpus
    assert (hung.state, hung.state_reason, hung.age_s) == ("not-answering", "no answer for 20 s", 20.0)
    assert hung.utilization_percent == 0, "the last that it said"
    assert (well.state, well.age_s, well.utilization_percent) == ("ok", None, 80)
    assert library.calls["nvmlDeviceGetUtilizationRates"] == 5, "three of the well one, two of the other"

    await reader.close()
    assert library.calls["nvmlShutdown"] == 0
    library.release.set()
    assert [gpu.utilization_percent for gpu in (await all_answer(reader)).gpus] == [50, 80]
    await reader.close()
    assert (library.inits, library.crashes) == (0, [])


async def test_a_gpu_that_hangs_from_the_beginning_has_a_row_and_comes_in_when_it_answers(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    library.nvlink = {(0, 1)}
    library.hang_in, library.hang_gpu = "nvmlDeviceGetName", 0
    reader = probe(first_patience_s=0.2)
    machine = await reader.sample()
    assert [(gpu.uuid, gpu.state) for gpu in machine.gpus][1] == ("GPU-b", "ok")
    assert machine.gpus[0].state == "not-answering"
    assert machine.gpus[0].memory_free_bytes is None
    assert machine.links == ()
    library.release.set()
    machine = await all_answer(reader)
    assert states(machine) == [(0, "GPU-a", "ok"), (1, "GPU-b", "ok")]
    assert [link.kind for link in machine.links] == ["NVLINK"]


async def test_lost_gpus_are_looked_for_after_half_a_minute_and_ever_more_seldom(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock)
    await reader.sample()
    for gpu in library.gpus:
        gpu.errors["*"] = GPU_IS_LOST
    began, opened = clock.time, list[float]()
    for _ in range(250):
        clock.time += 1
        machine = await reader.sample()
        assert states(machine) == [(0, "GPU-a", "lost"), (1, "GPU-b", "lost")]
        if library.calls["nvmlInitWithFlags"] > 1 + len(opened):
            opened.append(clock.time - began)
    assert opened == [30, 90, 210]
    for gpu in library.gpus:
        gpu.errors.clear()
    clock.time += 300
    assert states(await reader.sample()) == [(0, "GPU-a", "ok"), (1, "GPU-b", "ok")]
    assert (library.inits, library.crashes) == (1, []), "each init has its shutdown, and no old handle was used"


async def test_a_lost_gpu_is_looked_for_beside_one_that_answers_only_when_somebody_asks(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock, patience_s=0.05, drain_s=0.05)
    await reader.sample()
    library.gpus[1].errors["*"] = GPU_IS_LOST
    await reader.sample()
    library.gpus[1].errors.clear()
    library.hang_in = "nvmlInitWithFlags"
    for _ in range(20):
        clock.time += 100
        machine = await reader.sample()
        assert states(machine) == [(0, "GPU-a", "ok"), (1, "GPU-b", "lost")]
        assert machine.error is None
    library.release.set()
    assert states(await reader.sample(anew=True)) == [(0, "GPU-a", "ok"), (1, "GPU-b", "ok")]
    await reader.sample(anew=True)
    assert library.calls["nvmlInitWithFlags"] == 2, "there is nothing to look for any more"
    assert (library.inits, library.crashes) == (1, []), "each init has its shutdown, and no old handle was used"


async def test_a_gpu_that_the_driver_lists_no_more_keeps_a_row_though_indices_shift(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"), FakeGpu("GPU-c"))
    clock = Clock()
    reader = probe(clock)
    await reader.sample()
    lost, b, c = library.gpus
    lost.errors["*"] = GPU_IS_LOST
    await reader.sample()
    library.gpus = (b, c)
    machine = await reader.sample(anew=True)
    assert states(machine) == [(0, "GPU-b", "ok"), (1, "GPU-c", "ok"), (2, "GPU-a", "lost")]
    assert machine.gpus[2].state_reason == "the driver does not list it any more"
    lost.errors.clear()
    library.gpus = (lost, b, c)
    assert states(await reader.sample(anew=True)) == [(0, "GPU-a", "ok"), (1, "GPU-b", "ok"), (2, "GPU-c", "ok")]


async def test_nothing_is_initialised_anew_beside_a_call_that_hangs(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock, patience_s=0.05, drain_s=0.05)
    await reader.sample()
    library.gpus[0].errors["*"] = GPU_IS_LOST
    library.hang_in, library.hang_gpu = "nvmlDeviceGetPowerUsage", 1
    await reader.sample()
    await threads.call(library.hung.wait)
    clock.time += 100
    assert [gpu.state for gpu in (await reader.sample(anew=True)).gpus] == ["lost", "not-answering"]
    assert library.calls["nvmlInitWithFlags"] == 1
    library.release.set()
    library.gpus[0].errors.clear()
    await all_answer(reader, anew=True)
    assert library.calls["nvmlInitWithFlags"] == 2
    assert library.crashes == []


async def test_a_driver_that_was_replaced_meanwhile_leaves_the_last_values_with_their_age(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock)
    await reader.sample()
    for gpu in library.gpus:
        gpu.errors["*"] = fake_nvml.UNKNOWN
    await reader.sample()
    library.init_error = fake_nvml.VERSION_MISMATCH
    clock.time += 40
    machine = await reader.sample()
    assert machine.error is not None
    assert machine.error.kind == "driver_mismatch"
    assert [(gpu.state, gpu.age_s) for gpu in machine.gpus] == [("error", 40.0), ("error", 40.0)]
    library.init_error = fake_nvml.SUCCESS
    for gpu in library.gpus:
        gpu.errors.clear()
    clock.time += 100
    assert states(await reader.sample()) == [(0, "GPU-a", "ok"), (1, "GPU-b", "ok")]


async def test_an_initialisation_that_hangs_the_second_time_leaves_the_rows(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock, patience_s=0.05, drain_s=0.05)
    await reader.sample()
    library.gpus[0].errors["*"] = GPU_IS_LOST
    await reader.sample()
    library.hang_in = "nvmlInitWithFlags"
    machine = await reader.sample(anew=True)
    assert [gpu.state for gpu in machine.gpus] == ["lost", "not-answering"]
    assert machine.error is not None
    await reader.close()
    assert library.inits == 0, "it was shut down before, and is not now"
    library.gpus[0].errors.clear()
    library.release.set()
    await all_answer(reader)
    assert library.crashes == []


async def test_an_exception_that_nobody_expected_costs_one_gpu_and_not_the_others(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(FakeGpu("GPU-a"), FakeGpu("GPU-b", power_mw=90_000))
    usage = pynvml.nvmlDeviceGetPowerUsage

    def faulty(handle: object) -> int:
        if (power := int(usage(handle))) == 90_000:
            raise ValueError("no such unit\x1b[2J")
        return power

    monkeypatch.setattr(pynvml, "nvmlDeviceGetPowerUsage", faulty)
    well, ill = (await probe().sample()).gpus
    assert (well.state, well.power_w) == ("ok", 70.0)
    assert (ill.state, ill.state_reason) == ("error", "reading it failed: ValueError: no such unit")


async def test_a_process_that_cannot_be_looked_up_has_no_name_and_the_gpu_is_sound(install: Install) -> None:
    install(FakeGpu("GPU-a", compute=[(7, 2**30), (8, 2**30)]))

    def look_up(pid: int, memory_bytes: int | None) -> GpuProcess:
        if pid == 7:
            raise ValueError("a broken cgroup")
        return GpuProcess(pid=pid, name="python3")

    (gpu,) = (await NvmlProbe(Host, look_up, Clock()).sample()).gpus
    assert gpu.state == "ok"
    assert gpu.processes == (
        GpuProcess(pid=7, memory_bytes=2**30),
        GpuProcess(pid=8, name="python3", memory_bytes=2**30),
    )


async def test_a_slow_container_engine_holds_up_names_alone(install: Install) -> None:
    library = install(FakeGpu("GPU-a", compute=[(7, 2**30)]))
    answers = threading.Event()

    def look_up(pid: int, memory_bytes: int | None) -> GpuProcess:
        answers.wait()
        return GpuProcess(pid=pid, container="vllm")

    clock = Clock()
    reader = NvmlProbe(Host, look_up, clock)
    for utilization in (30, 60):
        library.gpus[0].utilization = utilization
        (gpu,) = (await reader.sample()).gpus
        assert (gpu.state, gpu.utilization_percent) == ("ok", utilization)
        assert gpu.processes == (GpuProcess(pid=7, memory_bytes=2**30),)
        clock.time += 1
    answers.set()
    while (await reader.sample()).gpus[0].processes[0].container is None:
        pass
    library.gpus[0].compute = [(7, 2**30), (8, 2**20)]
    clock.time += 5
    (gpu,) = (await reader.sample()).gpus
    assert [process.container for process in gpu.processes] == ["vllm", "vllm"]


async def test_one_gpu_that_hangs_from_the_beginning_is_not_waited_for_as_long_as_the_first(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    library.hang_in, library.hang_gpu = "nvmlDeviceGetName", 0
    clock = Clock()
    reader = probe(clock, first_patience_s=600.0, patience_s=0.1)
    hung, well = (await reader.sample()).gpus
    assert (hung.state, hung.state_reason, well.state) == ("not-answering", "asked 0 s ago", "ok")
    clock.time += 7
    assert (await reader.sample()).gpus[0].state_reason == "asked 7 s ago"
    library.release.set()
    await all_answer(reader)


@pytest.mark.parametrize("code", [GPU_IS_LOST, fake_nvml.RESET_REQUIRED, fake_nvml.UNKNOWN])
async def test_the_xid_of_a_gpu_that_goes_is_kept_in_its_row_and_when_it_comes_back(
    install: Install, code: int
) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock)
    await reader.sample()
    library.gpus[1].xids.append(79)
    library.gpus[1].errors["*"] = code
    clock.time += 1
    assert [gpu.xid for gpu in (await reader.sample()).gpus] == [None, 79]
    gone = (await reader.sample(anew=True)).gpus[1]
    assert (gone.xid, gone.state) == (79, "error" if code == fake_nvml.UNKNOWN else gone.state)
    library.gpus[1].errors.clear()
    assert [(gpu.state, gpu.xid) for gpu in (await reader.sample(anew=True)).gpus] == [("ok", None), ("ok", 79)]


async def test_a_lost_gpu_keeps_its_last_values_with_their_age(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b", power_mw=450_000))
    clock = Clock()
    reader = probe(clock)
    await reader.sample()
    library.gpus[1].errors["*"] = GPU_IS_LOST
    clock.time += 12
    gone = (await reader.sample()).gpus[1]
    assert (gone.state, gone.power_w, gone.age_s) == ("lost", 450.0, 12.0)
    clock.time += 100
    library.gpus = library.gpus[:1]
    gone = (await reader.sample(anew=True)).gpus[1]
    assert (gone.state, gone.power_w, gone.age_s) == ("lost", 450.0, 112.0)
    assert gone.state_reason == "the driver does not list it any more"
