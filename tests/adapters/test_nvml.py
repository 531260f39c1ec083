"""Each value of a GPU through the real nvidia-ml-py over a fake driver library, and all that can be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.nvml import NvmlProbe
from nemotui.core.hardware import Gpu, GpuProcess, Host, Link

from . import fake_nvml
from .fake_nvml import MIB, NOT_SUPPORTED, FakeGpu, FakeNvml

pytestmark = pytest.mark.anyio

HOST = Host(hostname="box", memory_total_bytes=128 * 2**30, memory_available_bytes=100 * 2**30)

# None here is no news: nothing is wrong, and nobody has asked.
NOTHING_TO_SAY = {"state_reason", "fabric", "xid", "age_s", "detail"}

Install = Callable[..., FakeNvml]


def nobody(pid: int, memory_bytes: int | None) -> GpuProcess:
    return GpuProcess(pid=pid, memory_bytes=memory_bytes)


def probe() -> NvmlProbe:
    return NvmlProbe(lambda: HOST, nobody, SystemClock())


async def one(gpu: FakeGpu, install: Install, **library: Any) -> Gpu:
    """That GPU as a fresh probe reads it."""
    fake = install(gpu)
    for name, value in library.items():
        setattr(fake, name, value)
    machine = await probe().sample()
    assert fake.crashes == []
    (read,) = machine.gpus
    return read


# What a real H200 said, under a full load: driver 580.159.04, read by nvidia-ml-py 13.610.
H200 = FakeGpu(
    uuid="GPU-00000000-1111-2222-3333-444444444444",
    name=b"NVIDIA H200",
    bus_id=b"00000000:00:06.0",
    total=150_754_820_096,
    reserved=644_939_776,
    used=60_927_311_872,
    utilization=100,
    temperature=62,
    power_mw=691_046,
    power_limit_mw=700_000,
    sm_clock=1440,
    reasons=4,
    compute=[(2**22 + 1, 60_918_071_296)],
)


async def test_a_real_h200_under_load(install: Install) -> None:
    install(H200)
    machine = await probe().sample()
    assert (machine.driver_version, machine.cuda_version, machine.host) == ("580.159.04", "13.0", HOST)
    (gpu,) = machine.gpus
    assert gpu == Gpu(
        index=0,
        uuid="GPU-00000000-1111-2222-3333-444444444444",
        name="NVIDIA H200",
        pci_bus_id="00000000:00:06.0",
        memory_total_bytes=150_754_820_096,
        memory_free_bytes=89_182_568_448,
        memory_used_bytes=60_927_311_872,
        memory_reserved_bytes=644_939_776,
        compute_capability="9.0",
        utilization_percent=100,
        temperature_c=62,
        power_w=691.046,
        power_limit_w=700.0,
        sm_clock_mhz=1440,
        throttle_reasons=("software power cap",),
        ecc_uncorrected=0,
        persistence=True,
        mig_enabled=False,
        numa_node=0,
        processes=(GpuProcess(pid=2**22 + 1, memory_bytes=60_918_071_296),),
    )
    # What torch reported as the total on that machine.
    assert gpu.cuda_total_bytes == 150_109_880_320


async def test_an_idle_gpu_is_not_throttled(install: Install) -> None:
    assert (await one(FakeGpu("GPU-a"), install)).throttle_reasons == ()


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilization_percent"),
        ("nvmlDeviceGetTemperatureV", "temperature_c"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetEnforcedPowerLimit", "power_limit_w"),
        ("nvmlDeviceGetClockInfo", "sm_clock_mhz"),
        ("nvmlDeviceGetTotalEccErrors", "ecc_uncorrected"),
        ("nvmlDeviceGetPersistenceMode", "persistence"),
        ("nvmlDeviceGetMigMode", "mig_enabled"),
        ("nvmlDeviceGetCudaComputeCapability", "compute_capability"),
    ],
)
async def test_a_field_that_the_gpu_has_not_is_unknown_with_its_reason_and_the_others_stay(
    install: Install, function: str, field: str
) -> None:
    gpu = await one(FakeGpu("GPU-a", errors={function: NOT_SUPPORTED}), install)
    assert dict(gpu.unknown) == {field: "Not Supported"}
    missing = {f.name for f in fields(Gpu) if getattr(gpu, f.name) is None}
    assert missing == {field, *NOTHING_TO_SAY}
    assert gpu.state == "ok"


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetCurrentClocksEventReasons", "throttle_reasons"),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "processes"),
    ],
)
async def test_a_list_that_may_not_be_read_is_empty_with_its_reason(
    install: Install, function: str, field: str
) -> None:
    gpu = await one(FakeGpu("GPU-a", errors={function: fake_nvml.NO_PERMISSION}), install)
    assert getattr(gpu, field) == ()
    assert dict(gpu.unknown) == {field: "Insufficient Permissions"}


async def test_an_older_driver_is_asked_in_the_older_way(install: Install) -> None:
    newest = {
        "nvmlDeviceGetTemperatureV",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetMemoryInfo_v2",
    }
    gpu = await one(FakeGpu("GPU-a", reasons=0x40, compute=[(2**22 + 1, MIB)]), install, absent=newest)
    assert gpu.temperature_c == 30
    assert gpu.throttle_reasons == ("hardware thermal slowdown",)
    assert [process.pid for process in gpu.processes] == [2**22 + 1]
    # Version 1 of the memory counts the reserved part as used.
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes) == (81559 * MIB, 516 * MIB)
    assert dict(gpu.unknown) == {"memory_reserved_bytes": "the driver is too old to say"}


async def test_a_driver_without_any_process_list_says_so(install: Install) -> None:
    lists = {f"nvmlDeviceGet{kind}RunningProcesses_{v}" for kind in ("Compute", "Graphics") for v in ("v2", "v3")}
    gpu = await one(FakeGpu("GPU-a"), install, absent=lists)
    assert gpu.processes == ()
    assert dict(gpu.unknown) == {"processes": "the driver is too old to say"}


async def test_a_name_that_is_not_text_becomes_a_plain_word(install: Install) -> None:
    gpu = await one(FakeGpu("GPU-a", name=b"\xf8\x9f\x01"), install)
    assert gpu.name == "NVIDIA GPU"
    assert dict(gpu.unknown) == {"name": "the driver's answer is not UTF-8 text"}


async def test_hostile_names_are_made_plain(install: Install) -> None:
    gpu = await one(FakeGpu("GPU-a\x1b[2J", name=b"H100\x1b]0;owned\x07", bus_id=b"00\x1b[31m:1B"), install)
    assert (gpu.uuid, gpu.name, gpu.pci_bus_id) == ("GPU-a", "H100", "00:1B")


async def test_unified_memory_is_the_hosts(install: Install) -> None:
    errors = dict.fromkeys(("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetMemoryInfo_v2"), NOT_SUPPORTED)
    gpu = await one(FakeGpu("GPU-a", name=b"NVIDIA GB10", capability=(12, 1), errors=errors), install)
    assert gpu.unified_memory
    sizes = (gpu.memory_total_bytes, gpu.memory_free_bytes, gpu.memory_used_bytes, gpu.memory_reserved_bytes)
    assert sizes == (128 * 2**30, 100 * 2**30, 28 * 2**30, None)
    assert dict(gpu.unknown) == {"memory_reserved_bytes": "the GPU shares the host's memory"}


async def test_only_not_supported_means_unified_memory(install: Install) -> None:
    gpu = await one(FakeGpu("GPU-a", errors={"nvmlDeviceGetMemoryInfo_v2": fake_nvml.NO_PERMISSION}), install)
    assert not gpu.unified_memory
    assert gpu.memory_free_bytes is None
    assert gpu.unknown["memory_free_bytes"] == "Insufficient Permissions"


async def test_a_memory_of_zero_is_unknown(install: Install) -> None:
    gpu = await one(FakeGpu("GPU-a", total=0, reserved=0), install)
    assert (gpu.memory_total_bytes, gpu.unified_memory) == (None, False)
    assert gpu.unknown["memory_total_bytes"] == "the driver reports a memory of 0 bytes"


async def test_mig_is_told_and_its_parent_has_no_utilisation(install: Install) -> None:
    gpu = await one(FakeGpu("GPU-a", mig=1, errors={"nvmlDeviceGetUtilizationRates": NOT_SUPPORTED}), install)
    assert gpu.mig_enabled is True
    assert gpu.utilization_percent is None


async def test_processes_are_listed_once_whatever_they_do(install: Install) -> None:
    fake = FakeGpu("GPU-a", compute=[(8, fake_nvml.NOT_AVAILABLE), (7, 5 * MIB)], graphics=[(7, MIB)])
    gpu = await one(fake, install)
    assert gpu.processes == (GpuProcess(pid=7, memory_bytes=5 * MIB), GpuProcess(pid=8))


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (fake_nvml.GPU_IS_LOST, "lost", "GPU is lost"),
        (fake_nvml.RESET_REQUIRED, "reset-required", "GPU requires restart"),
        (fake_nvml.UNKNOWN, "error", "the driver stopped answering; if this is a container, make it anew"),
    ],
)
async def test_a_gpu_that_goes_keeps_its_row_and_is_never_asked_again(
    install: Install, code: int, state: str, reason: str
) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    reader = probe()
    before = await reader.sample()
    library.gpus[0].errors["*"] = code
    await reader.sample()
    calls = library.calls.copy()
    gone, well = (await reader.sample()).gpus
    assert (gone.index, gone.uuid, gone.name) == (0, "GPU-a", "NVIDIA H100 80GB HBM3")
    assert (gone.state, gone.state_reason) == (state, reason)
    assert gone.memory_free_bytes == before.gpus[0].memory_free_bytes, "the last that it said"
    assert gone.age_s is not None
    assert well == before.gpus[1]
    assert library.calls["nvmlDeviceGetPowerUsage"] == calls["nvmlDeviceGetPowerUsage"] + 1
    assert library.crashes == []


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (fake_nvml.GPU_IS_LOST, "lost", "GPU is lost"),
        (fake_nvml.INSUFFICIENT_POWER, "error", "Insufficient External Power"),
        (fake_nvml.NO_PERMISSION, "error", "Insufficient Permissions"),
    ],
)
async def test_a_gpu_without_a_handle_is_counted_and_says_why(
    install: Install, code: int, state: str, reason: str
) -> None:
    library = install(FakeGpu("GPU-a", errors={"nvmlDeviceGetHandleByIndex_v2": code}), FakeGpu("GPU-b"))
    machine = await probe().sample()
    gone, well = machine.gpus
    assert (gone.index, gone.uuid, gone.state, gone.state_reason) == (0, "unknown-0", state, reason)
    assert gone.unknown["uuid"] == reason
    assert (well.index, well.uuid, well.state) == (1, "GPU-b", "ok")
    assert machine.links == (Link(a="unknown-0", b="GPU-b"),)
    assert library.crashes == []
