"""How the GPUs reach each other, as `nvidia-smi topo -m` lays it out, and which of them can share a model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from textual.content import Content

from nemotui.core.group_table import GroupLine, group_table
from nemotui.core.hardware import Link, Machine
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


def link_lines(machine: Machine, width: int) -> Sequence[Content]:
    """The matrix, or a sentence where it is too wide; nothing for a single GPU."""
    gpus = tuple((gpu.index, gpu.uuid, gpu.numa_node) for gpu in machine.gpus)
    return _link_lines(gpus, machine.links, width) if len(gpus) > 1 else ()


@lru_cache(maxsize=8)  # links stay, and the pane is drawn again for each sample
def _link_lines(
    gpus: tuple[tuple[int, str, int | None], ...], links: tuple[Link, ...], width: int
) -> tuple[Content, ...]:
    between = {frozenset((link.a, link.b)): link for link in links}
    kinds = list(dict.fromkeys(link.kind for link in links)) or [None]
    legend = beside(Content(""), Content.styled(" · ".join(_LEGEND[kind] for kind in kinds), "$muted"), width)
    if _CELL * (len(gpus) + 2) > width:
        counts = {kind: sum(link.kind == kind for link in links) for kind in kinds}
        pairs = ", ".join(f"{count} pairs {kind or 'unknown'}" for kind, count in counts.items())
        return (Content.assemble(("links   ", "$muted"), pairs), *legend)
    with_numa = any(numa is not None for _, _, numa in gpus)
    head = "".join(f"{f'GPU{index}':<{_CELL}}" for index, _, _ in gpus) + ("NUMA" if with_numa else "")
    rows = [Content.styled(" " * _CELL + head, "$muted")]
    for index, a, numa in gpus:
        words = ["X" if a == b else link_word(between.get(frozenset((a, b)))) for _, b, _ in gpus]
        cells = "".join(f"{word:<{_CELL}}" for word in words) + (number(numa) if with_numa else "")
        rows.append(Content.assemble((f"{f'GPU{index}':<{_CELL}}", "$muted"), cells))
    return (*rows, *legend)


def link_word(link: Link | None) -> str:
    """One cell of the matrix."""
    if link is None or link.kind is None:
        return "?"
    return f"NV{link.nvlinks or ''}" if link.kind == "NVLINK" else link.kind


def group_lines(machine: Machine, width: int) -> Sequence[Content]:
    """The tensor-parallel groups of idle GPUs for each size, and why these; why the others are in none."""
    return _group_lines(group_table(machine), width) if len(machine.gpus) > 1 else ()


@lru_cache(maxsize=8)
def _group_lines(table: tuple[GroupLine, ...], width: int) -> tuple[Content, ...]:
    lines: list[Content] = []
    for line in table:
        words = Content.assemble(line.gpus, (f"   {line.reason}", "$muted"))
        lines += beside(Content.styled(f"{line.label:<8}", "$muted"), words, width)
    return tuple(lines)
