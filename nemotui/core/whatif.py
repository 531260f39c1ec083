"""Hardware that is not here: a machine of so many of the catalogue's chips, idle, to plan on."""

from __future__ import annotations

import re

from nemotui.core.chip import Chip
from nemotui.core.errors import UsageError
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.models import Catalog

MOST_GPUS = 8  # what is sold as one host today
_ASKED = re.compile(r"\s*(?:(\d{1,4})\s*[x×*\s]\s*)?(\S.*?)\s*")


def imagined(catalog: Catalog, hardware: str) -> Machine:
    """`8xH200`, `2×B200`, `GB10`: count and chip. Raises `UsageError` for what the catalogue does not know.

    A name need not be whole: the first chip of the catalogue that begins so is meant. How the GPUs are linked is
    unknown, and their index stands in for the UUID, which `docker run` takes as well.
    """
    match = _ASKED.fullmatch(hardware)
    chip = _chip(catalog, match[2]) if match else None
    if match is None or chip is None:
        known = ", ".join(chip.name for chip in catalog.chips)
        raise UsageError(
            "usage", f"--hardware {hardware[:80]!r} is no hardware that we know", f"Give 8xH200, or: {known}."
        )
    count = int(match[1] or 1)
    if not 1 <= count <= MOST_GPUS:
        raise UsageError("usage", f"--hardware asks for {count} GPUs", f"Use 1 to {MOST_GPUS}, as one host has.")
    return imagine(chip, count)


def imagine(chip: Chip, count: int) -> Machine:
    """So many of this chip, idle."""
    return Machine(gpus=tuple(_gpu(index, chip) for index in range(count)))


def _chip(catalog: Catalog, asked: str) -> Chip | None:
    wanted = _plain(asked)
    named = [(_plain(chip.name), chip) for chip in catalog.chips]
    exact = next((chip for name, chip in named if name == wanted), None)
    return exact or next((chip for name, chip in named if wanted and name.startswith(wanted)), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("nvidia"))


def _gpu(index: int, chip: Chip) -> Gpu:
    return Gpu(
        index=index,
        uuid=str(index),
        name=chip.names[0],
        memory_total_bytes=chip.memory_total_bytes,
        memory_reserved_bytes=chip.memory_total_bytes - chip.cuda_total_bytes,
        memory_used_bytes=0,
        memory_free_bytes=chip.cuda_total_bytes,
        compute_capability=chip.compute_capability,
        mig_enabled=False,
        unified_memory=chip.unified_memory,
    )
