"""Which GPUs can share one model by tensor parallelism, and why the others cannot.

Equal shares: every member must be the same product with the same memory, and the smallest free memory decides. What
the driver does not say about a link is "unknown", never "no NVLink".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from nemotui.core.hardware import BUSY_BYTES, Gpu, Link, LinkKind, Machine
from nemotui.core.show import gib
from nemotui.core.trouble import unsound

# Best first, as `nvidia-smi topo -m` explains them; None, what the driver does not say, ranks last.
_LINKS: dict[LinkKind | None, str] = {
    "NVLINK": "NVLink",
    "PIX": "PIX, one PCIe bridge",
    "PXB": "PXB, several PCIe bridges",
    "PHB": "PHB, a PCIe host bridge",
    "NODE": "NODE, host bridges of one NUMA node",
    "SYS": "SYS, across CPU sockets",
    None: "unknown",
}
_KINDS = tuple(_LINKS)
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}
# Every subset of equal GPUs is tried; no single host has more than 16 (DGX-2), and 16 over 8 is 12,870.
_MOST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuGroup:
    """GPUs that can hold one model together: UUIDs by index, and in sentences why these.

    `worst_link` is that between the two worst connected; None where a link is unknown, and for a single GPU.
    """

    gpus: tuple[str, ...]
    worst_link: LinkKind | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuGroups:
    """Groups that share no GPU, best first; and for each GPU that is in none the reason, by UUID."""

    groups: tuple[GpuGroup, ...]
    refusals: Mapping[str, str]


def tensor_parallel_groups(
    machine: Machine, size: int, need_bytes: int | None = None, *, idle: bool = False
) -> GpuGroups:
    """The groups of `size` GPUs in this machine, each member with `need_bytes` free where that is given.

    The first is the best: NVLink between all pairs, else the best worst link, then the most NVLinks, then one NUMA
    node, then the lowest indices. Each next is the best of what remains, so that data parallelism can take several.
    `idle`: GPUs that somebody uses are refused, whatever they have left.
    """
    refusals: dict[str, str] = {}
    kinds: dict[tuple[str, str | None, int | None], list[Gpu]] = {}
    for gpu in sorted(machine.gpus, key=lambda g: g.index):
        reason = _refusal(gpu, need_bytes) or (_busy(gpu) if idle else None)
        if reason is None:
            kinds.setdefault((gpu.name, gpu.compute_capability, gpu.memory_total_bytes), []).append(gpu)
        else:
            refusals[gpu.uuid] = reason

    pairs = {pair: link for link in machine.links for pair in ((link.a, link.b), (link.b, link.a))}
    found: list[_Candidate] = []
    for equals in kinds.values():
        if len(equals) < size:
            reason = f"{size} equal GPUs are needed, and of this kind only {len(equals)} can be used"
            refusals.update((gpu.uuid, reason) for gpu in equals)
        taken: set[str] = set()
        for candidate in sorted(_candidates(equals[:_MOST], size, pairs)):
            if taken.isdisjoint(candidate.uuids):
                found.append(candidate)
                taken.update(candidate.uuids)
        if len(equals) >= size:
            left = f"no equal partners are left for a group of {size}"
            refusals.update((gpu.uuid, left) for gpu in equals[:_MOST] if gpu.uuid not in taken)
        refusals.update((gpu.uuid, f"only {_MOST} equal GPUs are looked at") for gpu in equals[_MOST:])
    by_uuid = {gpu.uuid: gpu for gpu in machine.gpus}
    groups = (
        _group([by_uuid[uuid] for uuid in candidate.uuids], _KINDS[candidate.worst] if size > 1 else None, need_bytes)
        for candidate in sorted(found)
    )
    return GpuGroups(groups=tuple(groups), refusals=refusals)


class _Candidate(NamedTuple):
    """What ranks a group, best first, then who is in it. Tuples, because a console compares thousands of them."""

    worst: int
    nvlinks: int  # fewer than none: the most are the best
    apart: int  # one NUMA node, then what nobody knows, then several
    indices: tuple[int, ...]
    uuids: tuple[str, ...]


def _candidates(equals: Sequence[Gpu], size: int, pairs: Mapping[tuple[str, str], Link]) -> Iterator[_Candidate]:
    nodes = {gpu.uuid: gpu.numa_node for gpu in equals}
    indices = {gpu.uuid: gpu.index for gpu in equals}
    uuids = [gpu.uuid for gpu in equals]
    ranks = {pair: _RANK[link.kind if (link := pairs.get(pair)) else None] for pair in combinations(uuids, 2)}
    nvlinks = {pair: -(link.nvlinks or 0) if (link := pairs.get(pair)) else 0 for pair in ranks}
    for members in combinations(uuids, size):
        between = [*combinations(members, 2)]
        spanned = {nodes[uuid] for uuid in members}
        yield _Candidate(
            worst=max([ranks[pair] for pair in between], default=0),
            nvlinks=sum([nvlinks[pair] for pair in between]),
            apart=1 if None in spanned else 2 * (len(spanned) > 1),
            indices=tuple([indices[uuid] for uuid in members]),
            uuids=members,
        )


def _refusal(gpu: Gpu, need_bytes: int | None) -> str | None:
    """Why this GPU can be in no group at all, whatever its neighbours are."""
    if gpu.state != "ok":
        return f"its state is {gpu.state}" + (f": {gpu.state_reason}" if gpu.state_reason else "")
    if not gpu.visible:
        return "CUDA_VISIBLE_DEVICES hides it"
    if reason := unsound(gpu):
        return reason
    if gpu.mig_enabled:
        return "MIG is on: it is cut into slices, which cannot share a model"
    if need_bytes is None:
        return None
    if gpu.memory_free_bytes is None:
        return "how much of its memory is free is unknown: " + gpu.unknown.get("memory_free_bytes", "no reason given")
    if gpu.memory_free_bytes < need_bytes:
        return f"{gib(gpu.memory_free_bytes)} are free, {gib(need_bytes)} are needed"
    return None


def _busy(gpu: Gpu) -> str | None:
    """Why somebody else has it. The memory says so, not the list of processes, which may lack what containers run."""
    if gpu.memory_used_bytes is None and not gpu.unified_memory:
        return "whether it is in use is unknown: " + gpu.unknown.get("memory_used_bytes", "no reason given")
    listed = sum(process.memory_bytes or 0 for process in gpu.processes)
    # The used part of a unified memory is the whole host's.
    used = listed if gpu.unified_memory else max(listed, gpu.memory_used_bytes or 0)
    if used < BUSY_BYTES:
        return None
    holders = ", ".join(f"{process.name or 'a process'} (pid {process.pid})" for process in gpu.processes[:2])
    return f"it is busy: {gib(used)} are in use by {holders or 'another namespace'}"


def _group(members: Sequence[Gpu], worst: LinkKind | None, need_bytes: int | None) -> GpuGroup:
    first, count = members[0], len(members)
    capability = first.compute_capability or "unknown"
    memory = "memory unknown" if first.memory_total_bytes is None else f"{gib(first.memory_total_bytes)} each"
    reasons = [f"{count} × {first.name}, compute capability {capability}, {memory}"]
    if need_bytes is not None:
        least = min(gpu.memory_free_bytes or 0 for gpu in members)
        reasons.append(f"the fullest has {gib(least)} free, {gib(need_bytes)} are needed")
    if count > 1:
        if worst == "NVLINK":
            reasons.append("NVLink connects every pair")
        else:
            reasons.append(f"the worst link between two of them is {_LINKS[worst]}")
        nodes = sorted({gpu.numa_node for gpu in members if gpu.numa_node is not None})
        if all(gpu.numa_node is not None for gpu in members):
            spread = ", ".join(map(str, nodes))
            reasons.append(f"across the NUMA nodes {spread}" if len(nodes) > 1 else f"all on NUMA node {spread}")
        if count > 2 and worst not in ("NVLINK", None):
            # vllm: custom_all_reduce.py asks for full NVLink connection above two GPUs (vllm#56128).
            reasons.append("vLLM does without its custom all-reduce here, which works and is slower")
    return GpuGroup(gpus=tuple(gpu.uuid for gpu in members), worst_link=worst, reasons=tuple(reasons))
