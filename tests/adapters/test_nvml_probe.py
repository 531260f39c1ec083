"""The life of the NVML probe: how it starts or says why not, how often it asks, how it ends, and what hangs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters import nvml_driver, threads
from nemotui.adapters.nvml import NvmlProbe
from nemotui.adapters.nvml_calls import pynvml
from nemotui.core.errors import NothingThereError
from nemotui.core.hardware import Host, Link, Machine
from tests.core.scripted import Clock

from . import fake_nvml
from .fake_nvml import FakeGpu, FakeNvml
from .test_nvml import nobody

pytestmark = pytest.mark.anyio

Install = Callable[..., FakeNvml]


def probe(clock: Clock | None = None, visible_devices: str | None = None, **patience: Any) -> NvmlProbe:
    """A probe of what `install` has put there; its clock stands still until it is told."""
    return NvmlProbe(Host, nobody, clock or Clock(), visible_devices=visible_devices, device_order=None, **patience)


async def test_no_gpus_is_a_machine_without_gpus(install: Install) -> None:
    install()
    assert (await probe().sample()).gpus == ()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (fake_nvml.LIBRARY_NOT_FOUND, "no_driver"),
        (fake_nvml.DRIVER_NOT_LOADED, "driver_not_loaded"),
        (fake_nvml.VERSION_MISMATCH, "driver_mismatch"),
        (fake_nvml.NO_PERMISSION, "no_permission"),
        (fake_nvml.UNKNOWN, "driver_error"),
    ],
)
async def test_a_driver_that_does_not_start_says_why_and_what_to_do(install: Install, code: int, kind: str) -> None:
    library = install()
    library.init_error = code
    reader = probe()
    with pytest.raises(NothingThereError) as refused:
        await reader.sample()
    assert refused.value.problem.kind == kind
    assert refused.value.problem.fix
    library.init_error = fake_nvml.SUCCESS
    assert (await reader.sample()).gpus == (), "the next sample tries anew"
    assert library.inits == 1


async def test_a_version_mismatch_names_both_versions(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "version").write_text("580.159.04\n")
    line = "7f0e1c000000-7f0e1c200000 r--p 00000000 fe:01 1234    /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.95.05\n"
    (tmp_path / "maps").write_text("00400000-00401000 r-xp 00000000 fe:01 99   /usr/bin/python3.11\n" + line)
    monkeypatch.setattr(nvml_driver, "_KERNEL_MODULE", tmp_path / "version")
    monkeypatch.setattr(nvml_driver, "_OWN_LIBRARIES", tmp_path / "maps")
    install().init_error = fake_nvml.VERSION_MISMATCH
    with pytest.raises(NothingThereError, match=r"the library is 580\.95\.05, the kernel module 580\.159\.04"):
        await probe().sample()


async def test_an_init_without_a_count_is_undone(install: Install) -> None:
    library = install()
    library.count_error = fake_nvml.UNKNOWN
    with pytest.raises(NothingThereError):
        await probe().sample()
    assert library.inits == 0


async def test_a_binding_that_is_not_nvidias_is_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    monkeypatch.delattr(pynvml, "nvmlMemory_v2")
    with pytest.raises(NothingThereError) as refused:
        await probe().sample()
    assert refused.value.problem.kind == "wrong_pynvml"


async def test_static_facts_are_read_once_and_slow_ones_every_five_seconds(install: Install) -> None:
    library = install(FakeGpu("GPU-a"))
    clock = Clock()
    reader = probe(clock)
    for _ in range(10):
        await reader.sample()
        clock.time += 1.0
    counted = {name: library.calls[name] for name in ("nvmlInitWithFlags", "nvmlDeviceGetName", "nvmlDeviceGetUUID")}
    assert set(counted.values()) == {1}
    assert library.calls["nvmlDeviceGetMemoryInfo_v2"] == 10
    assert library.calls["nvmlDeviceGetComputeRunningProcesses_v3"] == 2
    assert library.calls["nvmlDeviceGetMigMode"] == 2


async def test_links_are_nvlink_with_its_lanes_else_the_worst_bridge_else_unknown(install: Install) -> None:
    a = FakeGpu("GPU-a", bus_id=b"00000000:01:00.0", lanes=[b"00000000:02:00.0"] * 4 + [b"00000000:09:00.0"])
    b = FakeGpu("GPU-b", bus_id=b"00000000:02:00.0")
    library = install(a, b, FakeGpu("GPU-c"), FakeGpu("GPU-d"), FakeGpu("GPU-e"))
    library.nvlink = {(0, 1), (2, 3)}
    library.levels = {(0, 1): 50, (0, 2): 0, (0, 3): 10, (0, 4): 20, (1, 2): 30, (1, 3): 40, (1, 4): 50}
    links = (await probe().sample()).links
    assert links == (
        Link(a="GPU-a", b="GPU-b", kind="NVLINK", nvlinks=4),
        Link(a="GPU-a", b="GPU-c", kind="PIX"),
        Link(a="GPU-a", b="GPU-d", kind="PIX"),
        Link(a="GPU-a", b="GPU-e", kind="PXB"),
        Link(a="GPU-b", b="GPU-c", kind="PHB"),
        Link(a="GPU-b", b="GPU-d", kind="NODE"),
        Link(a="GPU-b", b="GPU-e", kind="SYS"),
        # Through switches: connected, and the lanes do not end at the other GPU.
        Link(a="GPU-c", b="GPU-d", kind="NVLINK"),
        Link(a="GPU-c", b="GPU-e"),
        Link(a="GPU-d", b="GPU-e"),
    )


async def test_close_shuts_down_once_and_a_probe_that_never_read_may_be_closed(install: Install) -> None:
    library = install(FakeGpu("GPU-a"))
    reader = probe()
    await reader.close()
    await reader.sample()
    assert library.inits == 1
    await reader.close()
    await reader.close()
    assert library.inits == 0
    assert library.calls["nvmlShutdown"] == 1
    assert library.crashes == []


async def answered(reader: NvmlProbe) -> Machine:
    """The next sample that is one; the sampling thread has then come back."""
    while True:
        with contextlib.suppress(NothingThereError):
            machine = await reader.sample()
            if machine.error is None:
                return machine


async def test_a_hung_call_leaves_the_last_values_with_an_error_until_it_comes_back(install: Install) -> None:
    library = install(FakeGpu("GPU-a"))
    reader = probe(patience_s=0.05, drain_s=0.05)
    before = await reader.sample()
    library.hang_in = "nvmlDeviceGetPowerUsage"
    library.gpus[0].power_mw = 90_000
    assert (await reader.sample()).error is not None
    await threads.call(library.hung.wait)
    hung = await reader.sample()
    (gpu,) = hung.gpus
    assert (gpu.state, gpu.age_s) == ("not-answering", 0.0)
    assert replace(gpu, state="ok", state_reason=None, age_s=None) == before.gpus[0]
    assert hung.error is not None
    assert hung.error.kind == "driver_not_answering"
    assert library.calls["nvmlDeviceGetPowerUsage"] == 2, "no call is made beside the one that hangs"

    await reader.close()
    assert library.calls["nvmlShutdown"] == 0, "shutting down beside a running call crashes"

    library.release.set()
    assert (await answered(reader)).gpus[0].power_w == 90.0
    await reader.close()
    assert library.inits == 0
    assert library.crashes == []


async def test_a_driver_that_never_answers_is_an_error_and_can_be_left(install: Install) -> None:
    library = install(FakeGpu("GPU-a"))
    library.hang_in = "nvmlInitWithFlags"
    reader = probe(init_patience_s=0.05, drain_s=0.05)
    with pytest.raises(NothingThereError) as refused:
        await reader.sample()
    assert refused.value.problem.kind == "driver_not_answering"
    await reader.close()
    assert library.calls["nvmlShutdown"] == 0
    library.release.set()
    await answered(reader)


async def test_a_cancelled_sample_does_not_start_a_second_thread(install: Install) -> None:
    library = install(FakeGpu("GPU-a"))
    library.hang_in = "nvmlDeviceGetCount_v2"
    reader = probe()
    first = asyncio.create_task(reader.sample())
    await threads.call(library.hung.wait)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(reader.sample())
    await asyncio.sleep(0)
    library.release.set()
    assert len((await second).gpus) == 1
    assert library.calls["nvmlDeviceGetCount_v2"] == 1
