"""How the GPUs reach each other, as `nvidia-smi topo -m` lays it out, and which of them can share a model."""

from __future__ import annotations

from functools import lru_cache

from textual.content import Content

from nemotui.core.groups import GpuGroup, tensor_parallel_groups
from nemotui.core.hardware import Gpu, Link, Machine
from nemotui.core.show import number

_CELL = 6
_LEGEND = {
    "NVLINK": "NV#: # NVLinks",
    "PIX": "PIX: one PCIe bridge",
    "PXB": "PXB: several PCIe bridges",
    "PHB": "PHB: the CPU's PCIe host bridge",
    "NODE": "NODE: host bridges of one NUMA node",
    "SYS": "SYS: across CPU sockets",
    None: "?: the driver does not say",
}


def link_lines(machine: Machine, width: int) -> list[Content]:
    """The matrix, or a sentence where it is too wide; nothing for a single GPU."""
    gpus = machine.gpus
    if len(gpus) < 2:
        return []
    between = {frozenset((link.a, link.b)): link for link in machine.links}
    kinds = list(dict.fromkeys(link.kind for link in machine.links)) or [None]
    legend = Content.styled(" · ".join(_LEGEND[kind] for kind in kinds), "$muted")
    if _CELL * (len(gpus) + 2) > width:
        counts = {kind: sum(link.kind == kind for link in machine.links) for kind in kinds}
        words = ", ".join(f"{count} pairs {kind or 'unknown'}" for kind, count in counts.items())
        return [Content.assemble(("links   ", "$muted"), words), legend]

    def cell(a: Gpu, b: Gpu) -> str:
        return "X" if a is b else link_word(between.get(frozenset((a.uuid, b.uuid))))

    with_numa = any(gpu.numa_node is not None for gpu in gpus)
    head = "".join(f"{f'GPU{gpu.index}':<{_CELL}}" for gpu in gpus) + ("NUMA" if with_numa else "")
    rows = [Content.styled(" " * _CELL + head, "$muted")]
    for a in gpus:
        numa = number(a.numa_node) if with_numa else ""
        cells = "".join(f"{cell(a, b):<{_CELL}}" for b in gpus)
        rows.append(Content.assemble((f"{f'GPU{a.index}':<{_CELL}}", "$muted"), cells, numa))
    return [*rows, legend]


def link_word(link: Link | None) -> str:
    """One cell of the matrix."""
    if link is None or link.kind is None:
        return "?"
    return f"NV{link.nvlinks or ''}" if link.kind == "NVLINK" else link.kind


def group_lines(machine: Machine) -> list[Content]:
    """The tensor-parallel groups of idle GPUs for each size, the reasons of the best, and why the others cannot."""
    refusals = tensor_parallel_groups(machine, 1, idle=True).refusals
    usable = tuple(
        (gpu.index, gpu.uuid, gpu.name, gpu.compute_capability, gpu.memory_total_bytes, gpu.numa_node)
        for gpu in machine.gpus
        if gpu.uuid not in refusals
    )
    index = {gpu.uuid: gpu.index for gpu in machine.gpus}
    lines = []
    for size in (8, 4, 2):
        if groups := _groups(usable, machine.links, size):
            sets = "   ".join(",".join(str(index[uuid]) for uuid in group.gpus) for group in groups)
            reasons = "; ".join(groups[0].reasons[1:])
            lines.append(Content.assemble((f"TP {size:<5}", "$muted"), f"GPUs {sets}", (f"   {reasons}", "$muted")))
    for uuid, reason in refusals.items():
        lines.append(Content.assemble((f"{'no TP':<8}", "$muted"), f"GPU {index[uuid]}", (f"   {reason}", "$muted")))
    if len(machine.gpus) > 1 and not lines:
        lines.append(
            Content.styled("No two of these GPUs are equal: none can share a model by tensor parallelism.", "$muted")
        )
    return lines


@lru_cache(maxsize=32)
def _groups(
    usable: tuple[tuple[int, str, str, str | None, int | None, int | None], ...], links: tuple[Link, ...], size: int
) -> tuple[GpuGroup, ...]:
    """Of what does not change from second to second: trying all sets of 8 in 16 takes a tenth of a second."""
    gpus = tuple(
        Gpu(index=i, uuid=uuid, name=name, compute_capability=capability, memory_total_bytes=total, numa_node=node)
        for i, uuid, name, capability, total, node in usable
    )
    return tensor_parallel_groups(Machine(gpus=gpus, links=links), size).groups
