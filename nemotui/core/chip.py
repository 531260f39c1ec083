"""What the catalogue says of a GPU chip."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.catalog_entry import capability, check_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A GPU product. `names`: how NVML's name for it begins. FLOPs are dense, per second; None: no such units.

    `memory_total_bytes` is NVML's v2 total, `cuda_total_bytes` what is left of it for CUDA.
    """

    name: str
    names: tuple[str, ...]
    compute_capability: str
    memory_total_bytes: int
    cuda_total_bytes: int
    bandwidth_bytes_per_s: float
    bf16_flops: float
    fp8_flops: float | None = None
    fp4_flops: float | None = None
    unified_memory: bool = False
    source: str

    def __post_init__(self) -> None:
        capability(self.compute_capability)
        check_entry(self)
        if self.cuda_total_bytes > self.memory_total_bytes:
            raise ValueError("cuda_total_bytes must not be more than memory_total_bytes")
        if not self.names or not all(name.strip() for name in self.names):
            raise ValueError("names must hold at least one beginning of a GPU's name")
