"""One GPU looked at closely: every figure with its reason where there is none, all its processes, slices and links."""

from __future__ import annotations

from dataclasses import fields

from textual.content import Content

from nemotui.core.hardware import Gpu, GpuDetail, Machine
from nemotui.core.show import gib, number
from nemotui.ui.states.gpus import Trace
from nemotui.ui.widgets.gpu_card import MOST_LINES, card, card_lines
from nemotui.ui.widgets.gpu_links import link_word
from nemotui.ui.widgets.gpu_words import holders, mhz

_TWO_COLUMNS = 110
_NAME = 20


def detail(gpu: Gpu, trace: Trace, machine: Machine, width: int, height: int) -> list[Content]:
    """All that is known of it; the histories have what room is left of `height`."""
    figures = _figures(gpu, machine, width)
    spare = height - card_lines(gpu, width) - len(figures)
    return [*card(gpu, trace, selected=False, width=width, lines=min(max(1, 1 + spare), MOST_LINES)), *figures]


def _figures(gpu: Gpu, machine: Machine, width: int) -> list[Content]:
    blank = Content("")
    lines = [blank]
    facts = _facts(gpu, gpu.detail or _no_detail(gpu))
    half = (len(facts) + 1) // 2
    if width >= _TWO_COLUMNS:
        room = _NAME + 46  # a whole UUID
        right = [*facts[half:], *[blank] * (2 * half - len(facts))]
        lines += [
            Content.assemble(left.truncate(room - 2, ellipsis=True, pad=True), "  ", other)
            for left, other in zip(facts[:half], right, strict=True)
        ]
    else:
        lines += facts
    if gpu.slices:
        lines += [blank, Content.styled(" MIG slices", "$muted")]
        lines += [
            Content(
                f"   {part.uuid}  {gib(part.memory_used_bytes):>9} of {gib(part.memory_total_bytes):<9}  {part.name}"
            )
            for part in gpu.slices
        ]
    lines += [blank, Content.styled(" held by", "$muted"), *(Content.assemble(" ", line) for line in holders(gpu))]
    if not gpu.processes and gpu.unlisted_bytes is None:
        reason = gpu.unknown.get("processes")
        lines.append(Content(f"   {f'n/a: {reason}' if reason else 'nobody that the driver lists'}"))
    others = [other for other in machine.gpus if other.uuid != gpu.uuid]
    if others:
        words = "   ".join(f"GPU{o.index} {link_word(machine.link(gpu.uuid, o.uuid))}" for o in others)
        lines += [blank, Content.assemble((" links  ", "$muted"), words)]
    return lines


def _no_detail(gpu: Gpu) -> GpuDetail:
    """While the figures are on their way, or never to come."""
    reason = "being asked" if gpu.state == "ok" else gpu.state_reason or f"its state is {gpu.state}"
    return GpuDetail(unknown={field.name: reason for field in fields(GpuDetail)})


def _facts(gpu: Gpu, more: GpuDetail) -> list[Content]:
    def fact(name: str, value: str, field: str = "") -> Content:
        reason = gpu.unknown.get(field) or more.unknown.get(field)
        words = f"n/a: {reason}" if value.startswith("n/a") and reason else value
        return Content.assemble((f"   {name:<{_NAME}}", "$muted"), words)

    def rate(value: int | None) -> str:
        return number(None if value is None else value / 1e6, "MB/s", 1)

    pcie = f"gen {number(more.pcie_generation)} ×{number(more.pcie_width)}" if more.pcie_generation else "n/a"
    switch = {True: "on", False: "off", None: "n/a"}
    return [
        fact("UUID", gpu.uuid, "uuid"),
        fact("PCI", gpu.pci_bus_id or "n/a", "pci_bus_id"),
        fact("compute capability", gpu.compute_capability or "n/a", "compute_capability"),
        fact("memory for CUDA", gib(gpu.cuda_total_bytes), "memory_total_bytes"),
        fact("NUMA node", number(gpu.numa_node), "numa_node"),
        fact("NVLink fabric", gpu.fabric or "none, or not said"),
        fact("persistence mode", switch[gpu.persistence], "persistence"),
        fact("MIG", switch[gpu.mig_enabled], "mig_enabled"),
        fact("ECC, not corrected", number(gpu.ecc_uncorrected), "ecc_uncorrected"),
        fact("ECC, corrected", number(more.ecc_corrected), "ecc_corrected"),
        fact("rows remapped", number(more.rows_remapped), "rows_remapped"),
        fact("last Xid", "none since the start" if gpu.xid is None else str(gpu.xid)),
        fact(
            "performance state",
            "n/a" if more.performance_state is None else f"P{more.performance_state}",
            "performance_state",
        ),
        fact("memory clock", mhz(more.memory_clock_mhz), "memory_clock_mhz"),
        fact("fan", number(more.fan_percent, "%"), "fan_percent"),
        fact("energy", number(None if more.energy_j is None else more.energy_j / 3.6e6, "kWh", 3), "energy_j"),
        fact("PCIe", pcie, "pcie_generation"),
        fact("PCIe to the GPU", rate(more.pcie_rx_bytes_per_s), "pcie_rx_bytes_per_s"),
        fact("PCIe from the GPU", rate(more.pcie_tx_bytes_per_s), "pcie_tx_bytes_per_s"),
    ]
