"""What plan flags choose from: words that the command line needs at every start, and little else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nemotui.core.memory import KvDtype
    from nemotui.core.models import VariantName

LEAST_UTILIZATION = 0.1
Goal = Literal["throughput", "latency", "capacity"]
GOALS: tuple[Goal, ...] = ("throughput", "latency", "capacity")
KV_DTYPES: tuple[KvDtype, ...] = ("fp8", "bfloat16")
VARIANTS: tuple[VariantName, ...] = ("NVFP4", "FP8", "BF16")
