"""What CUDA_VISIBLE_DEVICES leaves visible."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from nemotui.core.hardware import Gpu

_ORDER = "whether CUDA_VISIBLE_DEVICES hides it is unknown: set CUDA_DEVICE_ORDER=PCI_BUS_ID"


def marked(setting: str | None, device_order: str | None, gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """The GPUs, those that CUDA hides under these values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER marked so."""
    if not order_is_known(setting, device_order, gpus):
        return tuple(replace(gpu, unknown={**gpu.unknown, "visible": _ORDER}) for gpu in gpus)
    visible = visible_gpus(setting, gpus)
    return tuple(gpu if gpu.uuid in visible else replace(gpu, visible=False) for gpu in gpus)


def order_is_known(setting: str | None, device_order: str | None, gpus: Sequence[Gpu]) -> bool:
    """Whether the indices in this value of CUDA_VISIBLE_DEVICES say which GPUs are meant.

    CUDA counts the fastest first unless CUDA_DEVICE_ORDER is PCI_BUS_ID, and only equal GPUs in PCI order as the driver
    does (CUDA programming guide); a value without indices, by UUID, is always plain.
    """
    by_index = setting is not None and any(re.fullmatch(r"\d+", part.strip()) for part in setting.split(","))
    alike = len({(gpu.name, gpu.memory_total_bytes) for gpu in gpus}) < 2
    return not by_index or alike or device_order == "PCI_BUS_ID"


def visible_gpus(setting: str | None, gpus: Sequence[Gpu]) -> frozenset[str]:
    """UUIDs of the GPUs that CUDA shows under this value of CUDA_VISIBLE_DEVICES; None: it is not set, all are.

    Items are indices in PCI order, or unambiguous beginnings of `GPU-` or `MIG-` UUIDs; the first that is none of
    these hides itself and all after it, so `-1` and an empty value hide everything (CUDA programming guide). A GPU
    counts as visible where one of its MIG slices is.
    """
    if setting is None:
        return frozenset(gpu.uuid for gpu in gpus)
    seen: set[str] = set()
    for item in (part.strip() for part in setting.split(",")):
        found = [gpu.uuid for gpu in gpus if _names(item, gpu)]
        if len(found) != 1:
            break
        seen.update(found)
    return frozenset(seen)


def _names(item: str, gpu: Gpu) -> bool:
    if re.fullmatch(r"\d+", item):
        return int(item) == gpu.index
    if item.startswith("MIG-"):
        return any(part.uuid.startswith(item) for part in gpu.slices)
    return item.startswith("GPU-") and gpu.uuid.startswith(item)
