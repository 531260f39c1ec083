"""MIG, vGPU, WSL2, fabrics, Xid errors, hidden GPUs, and the slow details: through the real nvidia-ml-py."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from nemotui.adapters.nvml import NvmlProbe
from nemotui.core.hardware import Gpu, GpuDetail, GpuProcess, Host, Link, MigSlice
from tests.core.scripted import Clock

from . import fake_nvml
from .fake_nvml import MIB, NOT_SUPPORTED, FakeGpu, FakeNvml, FakeSlice
from .test_nvml import nobody
from .test_nvml_probe import probe

pytestmark = pytest.mark.anyio

Install = Callable[..., FakeNvml]


async def sampled(reader: NvmlProbe, detail: str | None = None) -> tuple[Gpu, ...]:
    return (await reader.sample(detail)).gpus


async def test_a_mig_gpu_is_told_with_its_slices(install: Install) -> None:
    # The parent's memory needs privileges (container-toolkit#842), and nobody has a utilisation (nvml.h).
    errors = {
        "nvmlDeviceGetUtilizationRates": NOT_SUPPORTED,
        "nvmlDeviceGetMemoryInfo_v2": fake_nvml.NO_PERMISSION,
        "nvmlDeviceGetComputeRunningProcesses_v3": fake_nvml.NO_PERMISSION,
    }
    slices = {
        0: FakeSlice("MIG-a", used=MIB),
        3: FakeSlice("MIG-b", errors={"nvmlDeviceGetMemoryInfo_v2": fake_nvml.NO_PERMISSION}),
    }
    library = install(FakeGpu("GPU-a", mig=1, errors=errors, slices=slices))
    (gpu,) = await sampled(probe())
    assert (gpu.mig_enabled, gpu.memory_total_bytes, gpu.utilization_percent, gpu.state) == (True, None, None, "ok")
    assert gpu.unknown["memory_total_bytes"] == "Insufficient Permissions"
    assert gpu.unknown["utilization_percent"] == "Not Supported"
    name = "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
    assert gpu.slices == (
        MigSlice(
            uuid="MIG-a",
            name=name,
            memory_total_bytes=40_320 * MIB,
            memory_used_bytes=MIB,
            memory_free_bytes=40_319 * MIB,
        ),
        MigSlice(uuid="MIG-b", name=name),
    )
    assert library.crashes == []


async def test_a_vgpu_lacks_power_temperature_and_clock_and_is_sound(install: Install) -> None:
    missing = ("nvmlDeviceGetPowerUsage", "nvmlDeviceGetTemperatureV", "nvmlDeviceGetClockInfo", "nvmlEventSetCreate")
    library = install(FakeGpu("GPU-a", errors=dict.fromkeys(missing, NOT_SUPPORTED)))
    library.absent = {"nvmlEventSetCreate", "nvmlDeviceGetGpuFabricInfoV"}
    (gpu,) = await sampled(probe())
    assert (gpu.state, gpu.utilization_percent, gpu.memory_used_bytes) == ("ok", 0, 0)
    assert set(gpu.unknown) == {"power_w", "temperature_c", "sm_clock_mhz"}


async def test_wsl2_does_not_say_what_a_process_holds(install: Install) -> None:
    errors = {"nvmlDeviceGetUtilizationRates": NOT_SUPPORTED}
    gpu = FakeGpu("GPU-a", used=9 * 2**30, compute=[(7, fake_nvml.NOT_AVAILABLE)], errors=errors)
    install(gpu)
    (read,) = await sampled(probe())
    assert read.processes == (GpuProcess(pid=7, memory_bytes=None),)
    assert read.unlisted_bytes is None, "what the others hold cannot be told either"


async def test_memory_that_nobody_listed_holds_is_another_namespaces(install: Install) -> None:
    install(FakeGpu("GPU-a", used=9 * 2**30, compute=[(7, 2 * 2**30)]), FakeGpu("GPU-b", used=500 * MIB))
    first, second = await sampled(probe())
    assert first.unlisted_bytes == 7 * 2**30
    assert second.unlisted_bytes is None


@pytest.mark.parametrize(
    ("fabric", "state", "kind"),
    [
        ((0, 0), None, "NVLINK"),  # NotSupported is no information
        ((1, 0), "starting", "NODE"),
        ((2, 0), "starting", "NODE"),
        ((3, 0), "up", "NVLINK"),
        ((3, fake_nvml.UNKNOWN), "failed", "NODE"),
    ],
)
async def test_nvlink_counts_only_where_its_fabric_is_up(
    install: Install, fabric: tuple[int, int], state: str | None, kind: str
) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b", fabric=fabric))
    library.nvlink, library.levels = {(0, 1)}, {(0, 1): 40}
    machine = await probe().sample()
    assert [gpu.fabric for gpu in machine.gpus] == [None, state]
    assert [link.kind for link in machine.links] == [kind]


async def test_a_fabric_that_comes_up_later_is_noticed(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b", fabric=(2, 0)))
    library.nvlink, library.levels = {(0, 1)}, {(0, 1): 40}
    clock = Clock()
    reader = probe(clock)
    assert [link.kind for link in (await reader.sample()).links] == ["NODE"]
    library.gpus[1].fabric = (3, 0)
    clock.time += 5
    assert [link.kind for link in (await reader.sample()).links] == ["NVLINK"]


async def test_lanes_to_switches_count_for_every_pair(install: Install) -> None:
    switches = [b"00000000:07:00.0"] * 18
    library = install(FakeGpu("GPU-a", lanes=switches, switched=True), FakeGpu("GPU-b", lanes=switches, switched=True))
    library.nvlink = {(0, 1)}
    assert (await probe().sample()).links == (Link(a="GPU-a", b="GPU-b", kind="NVLINK", nvlinks=18),)


async def test_the_numa_node_is_the_kernels_word_and_minus_one_is_unknown(install: Install) -> None:
    gpus = [FakeGpu(f"GPU-{i}", bus_id=f"00000000:0{i}:00.0".encode(), numa=node) for i, node in enumerate((1, -1))]
    install(*gpus)
    first, second = await sampled(probe())
    assert (first.numa_node, second.numa_node) == (1, None)
    assert second.unknown["numa_node"] == "the kernel does not say"


async def test_an_xid_is_shown_from_when_it_was_noted(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    clock = Clock()
    reader = probe(clock)
    assert [gpu.xid for gpu in await sampled(reader)] == [None, None]
    library.gpus[1].xids += [31, 63]
    clock.time += 5
    assert [gpu.xid for gpu in await sampled(reader)] == [None, 63]
    clock.time += 5
    assert [gpu.xid for gpu in await sampled(reader)] == [None, 63]
    await reader.close()
    assert library.calls["nvmlEventSetFree"] == 2
    assert library.crashes == []


async def test_the_details_are_asked_of_one_gpu_and_only_on_demand(install: Install) -> None:
    library = install(FakeGpu("GPU-a"), FakeGpu("GPU-b"))
    reader = probe()
    await reader.sample()
    assert library.calls["nvmlDeviceGetPcieThroughput"] == library.calls["nvmlDeviceGetTotalEnergyConsumption"] == 0
    first, second = await sampled(reader, "GPU-b")
    assert first.detail is None
    assert second.detail == GpuDetail(
        pcie_generation=5,
        pcie_width=16,
        pcie_tx_bytes_per_s=1_024_000,
        pcie_rx_bytes_per_s=3_072_000,
        energy_j=3458.0,
        memory_clock_mhz=2619,
        performance_state=0,
        ecc_corrected=7,
        rows_remapped=3,
        unknown={"fan_percent": "the driver is too old to say"},
    )
    await reader.sample()
    assert library.calls["nvmlDeviceGetPcieThroughput"] == 2


async def test_between_the_slow_fields_a_gpu_is_asked_five_times(install: Install) -> None:
    library = install(*(FakeGpu(f"GPU-{i}") for i in range(8)))
    clock = Clock()
    reader = probe(clock)
    await reader.sample()
    for _ in range(4):
        before = library.calls.copy()
        clock.time += 1
        await reader.sample()
        made = library.calls - before
        assert made.total() == 8 * 5


@pytest.mark.parametrize(
    ("setting", "visible"),
    [(None, ["GPU-a", "GPU-b"]), ("1", ["GPU-b"]), ("GPU-a", ["GPU-a"]), ("MIG-x", ["GPU-a"]), ("", []), ("-1", [])],
)
async def test_hidden_gpus_are_marked(install: Install, setting: str | None, visible: list[str]) -> None:
    install(FakeGpu("GPU-a", mig=1, slices={0: FakeSlice("MIG-x")}), FakeGpu("GPU-b"))
    gpus = await sampled(probe(visible_devices=setting))
    assert [gpu.uuid for gpu in gpus if gpu.visible] == visible


@pytest.mark.parametrize(("order", "visible"), [(None, ["GPU-a", "GPU-b"]), ("PCI_BUS_ID", ["GPU-b"])])
async def test_an_index_hides_nothing_where_the_order_of_different_gpus_is_unknown(
    install: Install, order: str | None, visible: list[str]
) -> None:
    install(FakeGpu("GPU-a", name=b"NVIDIA L40S"), FakeGpu("GPU-b"))
    gpus = await sampled(NvmlProbe(Host, nobody, Clock(), visible_devices="1", device_order=order))
    assert [gpu.uuid for gpu in gpus if gpu.visible] == visible
    assert {"visible" in gpu.unknown for gpu in gpus} == {order is None}


async def test_a_host_that_cannot_be_read_at_once_holds_up_no_gpu(install: Install) -> None:
    install(FakeGpu("GPU-a"))
    mounted = threading.Event()

    def host() -> Host:
        mounted.wait()
        return Host(hostname="slow")

    reader = NvmlProbe(host, nobody, Clock(), patience_s=0.05)
    machine = await reader.sample()
    assert (machine.host, [gpu.uuid for gpu in machine.gpus]) == (Host(age_s=0.0), ["GPU-a"])
    mounted.set()
    while (await reader.sample()).host == Host():
        pass
    assert (await reader.sample()).host.hostname == "slow"
