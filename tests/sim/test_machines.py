"""The pretend machines, and what their probe shows while a server loads and works."""

from __future__ import annotations

import pytest

from nemotui.catalog import load_catalog
from nemotui.core.errors import NothingThereError, UsageError
from nemotui.core.memory import GIB, plan_memory
from nemotui.sim.engine import Occupancy
from nemotui.sim.machines import PROFILES, load_machine, unexplained
from nemotui.sim.probe import PretendProbe, occupied
from tests.core.scripted import Clock

CONTRACT = (
    "1xb200 2xb200 2xh100 4xa100 8xh200 1xh200 1xh100 4xa100-40 8xa100-40 1xrtxpro6000 gb10 2xh100-busy mixed lost none"
)


def test_every_machine_of_the_contract_is_there() -> None:
    assert set(CONTRACT.split()) <= set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_a_machine_is_sound(name: str) -> None:
    machine, catalog = load_machine(name), load_catalog()
    assert load_machine(name) == machine
    count = len(machine.gpus)
    assert len({gpu.uuid for gpu in machine.gpus}) == count
    assert len(machine.links) == count * (count - 1) // 2
    for gpu in machine.gpus:
        assert unexplained(gpu) == ()
        assert catalog.chip(gpu.name) is not None
        if gpu.state == "ok":
            assert gpu.memory_total_bytes is not None
            parts = (gpu.memory_used_bytes, gpu.memory_free_bytes, gpu.memory_reserved_bytes)
            assert sum(part or 0 for part in parts) == gpu.memory_total_bytes
            for part in gpu.slices:
                assert (part.memory_used_bytes or 0) + (part.memory_free_bytes or 0) == part.memory_total_bytes


def test_the_links() -> None:
    assert {(link.kind, link.nvlinks) for link in load_machine("8xh200").links} == {("NVLINK", 18)}
    assert {(link.kind, link.nvlinks) for link in load_machine("4xa100").links} == {("NVLINK", 12)}
    assert {(link.kind, link.nvlinks) for link in load_machine("mixed").links} == {("PHB", None)}


def test_the_machines_with_a_trouble() -> None:
    busy = load_machine("2xh100-busy").gpus[1]
    assert [p.memory_bytes for p in busy.processes] == [38 * GIB]
    assert load_machine("lost").gpus[3].state == "lost"
    assert load_machine("lost").gpus[3].memory_total_bytes is None
    assert load_machine("gb10").gpus[0].unified_memory
    assert len({gpu.name for gpu in load_machine("mixed").gpus}) == 3


def test_a_gpu_cut_into_slices_has_no_load_and_what_they_use() -> None:
    (gpu,) = load_machine("1xh100-mig").gpus
    assert (gpu.utilization_percent, gpu.unknown["utilization_percent"]) == (None, "Not Supported")
    assert gpu.memory_used_bytes == 3 * GIB


def test_an_unknown_machine_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 2xb200 or 1xb200"):
        load_machine("3xb200")
    with pytest.raises(UsageError, match="Known: 2xh100, 1xh100"):
        load_machine("zzzzzz")


@pytest.mark.anyio
async def test_without_a_driver_the_probe_says_so() -> None:
    with pytest.raises(NothingThereError) as caught:
        await PretendProbe("none", Clock()).sample()
    assert caught.value.problem.kind == "no_driver"


@pytest.mark.anyio
async def test_an_idle_machine_stays_idle() -> None:
    assert await PretendProbe("2xh100", Clock()).sample() == load_machine("2xh100")


@pytest.mark.anyio
async def test_a_gpu_is_lost_while_one_watches() -> None:
    clock = Clock()
    probe = PretendProbe("2xh100-loses-one", clock)
    assert [gpu.state for gpu in (await probe.sample()).gpus] == ["ok", "ok"]
    clock.time += 9.9
    assert [gpu.state for gpu in (await probe.sample()).gpus] == ["ok", "ok"]
    clock.time += 0.1
    well, gone = (await probe.sample()).gpus
    assert (well.state, gone.state) == ("ok", "lost")
    assert (gone.memory_free_bytes, gone.age_s, gone.xid) == (well.memory_free_bytes, 0.1, 79)


@pytest.mark.anyio
async def test_a_driver_stops_answering_first_for_one_gpu_and_then_for_all() -> None:
    clock = Clock()
    probe = PretendProbe("2xh100-hangs", clock)
    before = (await probe.sample()).gpus[1]
    clock.time += 12.5
    one = await probe.sample()
    assert [(gpu.state, gpu.age_s) for gpu in one.gpus] == [("ok", None), ("not-answering", 12.5)]
    assert one.gpus[1].memory_free_bytes == before.memory_free_bytes
    assert one.error is None
    clock.time += 10
    both = await probe.sample()
    assert [(gpu.state, gpu.age_s) for gpu in both.gpus] == [("not-answering", 10.0), ("not-answering", 22.5)]
    assert both.error is not None
    assert both.error.kind == "driver_not_answering"


@pytest.mark.anyio
async def test_a_closer_look_is_at_one_gpu() -> None:
    machine = load_machine("2xh100")
    first, second = (await PretendProbe("2xh100", Clock()).sample(machine.gpus[1].uuid)).gpus
    assert first.detail is None
    assert second.detail is not None


def test_a_gpu_fills_while_the_server_loads_and_works_while_it_answers() -> None:
    catalog = load_catalog()
    variant = catalog.model.variant("FP8")
    assert variant is not None
    gpu = load_machine("2xh100").gpus[0]
    assert gpu.cuda_total_bytes is not None
    plan = plan_memory(catalog.model, variant, total=gpu.cuda_total_bytes, tensor_parallel_size=2, kv_dtype="fp8")
    server = Occupancy(
        container="nemotui",
        gpus=(gpu.uuid,),
        pid=7,
        started_at=0.0,
        fetch_seconds=0.0,
        start_seconds=8.0,
        memory=plan,
        base_url="http://127.0.0.1:1",
    )
    used, busy = [], []
    for share, running in ((0.0, 0), (0.3, 0), (0.5, 0), (0.95, 0), (1.5, 0), (1.5, 8), (1.5, 32), (1.5, 64)):
        seen = occupied(gpu, server, rank=1, share=share, running=running)
        used.append(seen.memory_used_bytes)
        busy.append(seen.utilization_percent)
        assert seen.memory_free_bytes == (gpu.memory_free_bytes or 0) - (seen.memory_used_bytes or 0)
        assert seen.processes[0].name == "VLLM::Worker_TP1"
    assert used[0] == 0
    assert 0 < (used[1] or 0) < plan.weights
    assert used[2] == plan.weights
    assert set(used[3:]) == {plan.budget}
    assert busy == [10, 10, 10, 90, 0, 62, 100, 100]


@pytest.mark.anyio
async def test_a_pretend_machine_hides_gpus_as_a_real_one_does() -> None:
    first, second = load_machine("2xh100").gpus
    cases: tuple[tuple[str | None, list[bool]], ...] = (
        ("1", [False, True]),
        (second.uuid, [False, True]),
        (first.uuid[:12], [True, False]),
        ("", [False, False]),
        (None, [True, True]),
    )
    for setting, seen in cases:
        machine = await PretendProbe("2xh100", Clock(), visible_devices=setting).sample()
        assert [gpu.visible for gpu in machine.gpus] == seen
    (sliced,) = load_machine("1xh100-mig").gpus
    for setting, visible in ((sliced.slices[0].uuid, True), ("MIG-none", False)):
        (gpu,) = (await PretendProbe("1xh100-mig", Clock(), visible_devices=setting).sample()).gpus
        assert gpu.visible is visible
