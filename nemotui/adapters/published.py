"""A stored run beside the published row of the hardware and the plan that its environment.json tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from nemotui.core.bench import published_comparison
from nemotui.core.hardware import Machine
from nemotui.core.models import Catalog, PublishedRow
from nemotui.core.plan import LABEL
from nemotui.core.ports import Container
from nemotui.core.predict import published_row
from nemotui.rundir import RunDirectory


def beside_published(result: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    """The result with `published`: the comparison with the row of the same hardware and plan, None without one."""
    row = row_of(result["run"], catalog)
    return {**result, "published": published_comparison(result, row) if row else None}


def measured_on(run: Path) -> tuple[Machine, Container] | None:
    """The machine and the container of a run's environment.json; None for a server that is not ours."""
    try:
        environment = RunDirectory(run).environment()
        machine = msgspec.convert(environment.get("machine"), Machine)
        return machine, msgspec.convert(environment.get("container"), Container)
    except (OSError, ValueError, RecursionError):
        return None


def row_of(run: str, catalog: Catalog) -> PublishedRow | None:
    """The row of the run's hardware and plan; None where anything of them is unknown."""
    on = measured_on(Path(run))
    if on is None:
        return None
    machine, container = on
    chips = {catalog.chip(gpu.name) for gpu in machine.gpus}
    chip = chips.pop() if len(chips) == 1 else None  # a container does not say which of different GPUs it has
    variant = catalog.model.variant(container.labels.get(f"{LABEL}.variant", ""))
    # The rows were measured with one copy and without speculation.
    if chip is None or variant is None or {"--data-parallel-size", "--speculative-config"} & set(container.args):
        return None
    try:
        tensor_parallel_size = int(container.labels[f"{LABEL}.tensor-parallel-size"])
    except (KeyError, ValueError):
        return None
    return published_row(catalog, chip, variant, tensor_parallel_size)
