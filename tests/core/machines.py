"""Machines for tests, made from the catalogue's chips."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from nemotui.catalog import load_catalog
from nemotui.core.chip import Chip
from nemotui.core.hardware import Gpu, GpuProcess, Link, LinkKind, Machine

CATALOG = load_catalog()


def chip(name: str) -> Chip:
    """The chip of that name in the catalogue."""
    return next(chip for chip in CATALOG.chips if chip.name == name)


def machine(
    *chips: str, link: LinkKind = "NVLINK", held: Mapping[int, int] | None = None, lost: tuple[int, ...] = ()
) -> Machine:
    """Idle GPUs by chip name, all linked alike; `held` are bytes that pid 4242 holds, by index."""
    gpus = tuple(_gpu(index, chip(name), (held or {}).get(index, 0), index in lost) for index, name in enumerate(chips))
    links = tuple(Link(a=a.uuid, b=b.uuid, kind=link) for a, b in combinations(gpus, 2))
    return Machine(driver_version="580.95.05", cuda_version="13.0", gpus=gpus, links=links)


def _gpu(index: int, of: Chip, held: int, lost: bool) -> Gpu:
    uuid, name = f"GPU-{index}000", of.names[0]
    if lost:
        return Gpu(index=index, uuid=uuid, name=name, state="lost", state_reason="fallen off the bus")
    return Gpu(
        index=index,
        uuid=uuid,
        name=name,
        memory_total_bytes=of.memory_total_bytes,
        memory_reserved_bytes=of.memory_total_bytes - of.cuda_total_bytes,
        memory_used_bytes=held,
        memory_free_bytes=of.cuda_total_bytes - held,
        compute_capability=of.compute_capability,
        mig_enabled=False,
        unified_memory=of.unified_memory,
        processes=(GpuProcess(pid=4242, name="python", memory_bytes=held),) if held else (),
    )
