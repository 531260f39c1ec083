"""What a machine is, and what it will be."""

from __future__ import annotations

from nemotui.core.hardware import Gpu, GpuProcess, Machine, given_back


def test_a_container_that_goes_gives_its_memory_back() -> None:
    held = GpuProcess(pid=7, container="nemotui", memory_bytes=60 * 2**30)
    other = GpuProcess(pid=8, container="0123abc", memory_bytes=2**30)
    gpu = Gpu(
        index=0,
        uuid="GPU-0",
        name="H100",
        memory_total_bytes=80 * 2**30,
        memory_free_bytes=19 * 2**30,
        memory_used_bytes=61 * 2**30,
        processes=(held, other),
    )
    (after,) = given_back(Machine(gpus=(gpu,)), ("nemotui", "fedcba987")).gpus
    assert after.memory_free_bytes == 79 * 2**30
    assert after.memory_used_bytes == 2**30
    assert after.processes == (other,)
    (by_id,) = given_back(Machine(gpus=(gpu,)), ("elsewhere", "0123abcdef")).gpus
    assert by_id.processes == (held,)
    assert given_back(Machine(gpus=(gpu,)), ("nobody",)).gpus == (gpu,)
