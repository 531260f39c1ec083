"""How the GPUs reach each other, as `nvidia-smi topo -m` lays it out, and which of them can share a model."""

from __future__ import annotations

from textual.content import Content

from nemotui.core.group_table import group_table
from nemotui.core.hardware import Gpu, Link, Machine
from nemotui.core.show import number
from nemotui.ui.widgets.gpu_words import beside

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
    legend = beside(Content(""), Content.styled(" · ".join(_LEGEND[kind] for kind in kinds), "$muted"), width)
    if _CELL * (len(gpus) + 2) > width:
        counts = {kind: sum(link.kind == kind for link in machine.links) for kind in kinds}
        words = ", ".join(f"{count} pairs {kind or 'unknown'}" for kind, count in counts.items())
        return [Content.assemble(("links   ", "$muted"), words), *legend]

    def cell(a: Gpu, b: Gpu) -> str:
        return "X" if a is b else link_word(between.get(frozenset((a.uuid, b.uuid))))

    with_numa = any(gpu.numa_node is not None for gpu in gpus)
    head = "".join(f"{f'GPU{gpu.index}':<{_CELL}}" for gpu in gpus) + ("NUMA" if with_numa else "")
    rows = [Content.styled(" " * _CELL + head, "$muted")]
    for a in gpus:
        numa = number(a.numa_node) if with_numa else ""
        cells = "".join(f"{cell(a, b):<{_CELL}}" for b in gpus)
        rows.append(Content.assemble((f"{f'GPU{a.index}':<{_CELL}}", "$muted"), cells, numa))
    return [*rows, *legend]


def link_word(link: Link | None) -> str:
    """One cell of the matrix."""
    if link is None or link.kind is None:
        return "?"
    return f"NV{link.nvlinks or ''}" if link.kind == "NVLINK" else link.kind


def group_lines(machine: Machine, width: int) -> list[Content]:
    """The tensor-parallel groups of idle GPUs for each size, and why these; why the others are in none."""
    if len(machine.gpus) < 2:
        return []
    lines: list[Content] = []
    for line in group_table(machine):
        words = Content.assemble(line.gpus, (f"   {line.reason}", "$muted"))
        lines += beside(Content.styled(f"{line.label:<8}", "$muted"), words, width)
    return lines
