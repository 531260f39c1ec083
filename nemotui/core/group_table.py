"""The tensor-parallel groups of idle GPUs for every size, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from nemotui.core.groups import GpuGroups, tensor_parallel_groups
from nemotui.core.hardware import Gpu, Link, Machine

_SIZES = (8, 4, 2)


@dataclass(frozen=True, slots=True)
class GroupLine:
    """`label`: "TP 4" or "no TP"; `gpus`: "GPUs 0,1   2,3", "GPU 3" or "none"; `reason`: why these."""

    label: str
    gpus: str
    reason: str


def group_table(machine: Machine) -> tuple[GroupLine, ...]:
    """A line for every size that the box has GPUs for, then one for each GPU that can be in no group at all."""
    refusals = tensor_parallel_groups(machine, 1, idle=True).refusals
    usable = tuple(
        (gpu.index, gpu.uuid, gpu.name, gpu.compute_capability, gpu.memory_total_bytes, gpu.numa_node)
        for gpu in machine.gpus
        if gpu.uuid not in refusals
    )
    index = {gpu.uuid: gpu.index for gpu in machine.gpus}
    lines = []
    for size in _SIZES:
        if size > len(usable):
            continue
        found = _groups(usable, machine.links, size)
        sets = "   ".join(",".join(str(index[uuid]) for uuid in group.gpus) for group in found.groups)
        reasons = list(found.groups[0].reasons[1:]) if found.groups else []
        for reason in dict.fromkeys(found.refusals.values()):
            left = ",".join(str(index[uuid]) for uuid, why in found.refusals.items() if why == reason)
            reasons.append(f"not {left}: {reason}")
        lines.append(GroupLine(f"TP {size}", f"GPUs {sets}" if sets else "none", "; ".join(reasons)))
    lines += [GroupLine("no TP", f"GPU {index[uuid]}", reason) for uuid, reason in refusals.items()]
    return tuple(lines)


@lru_cache(maxsize=32)
def _groups(
    usable: tuple[tuple[int, str, str, str | None, int | None, int | None], ...], links: tuple[Link, ...], size: int
) -> GpuGroups:
    """Of what does not change from second to second: trying all sets of 8 in 16 takes a tenth of a second."""
    gpus = tuple(
        Gpu(index=i, uuid=uuid, name=name, compute_capability=capability, memory_total_bytes=total, numa_node=node)
        for i, uuid, name, capability, total, node in usable
    )
    return tensor_parallel_groups(Machine(gpus=gpus, links=links), size)
