"""What a real start of the same arguments on the same machine would die of, in vLLM's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemotui.core.memory import GIB, MemoryPlan
from nemotui.core.startup import Phase


@dataclass(frozen=True, slots=True)
class Failure:
    """The last phase that is still gone through, and the last line of the traceback."""

    phase: Phase
    text: str


def start_failure(
    memory: MemoryPlan, *, max_model_len: int, max_num_seqs: int, utilization: float, held: Mapping[int, int]
) -> Failure | None:
    """Why this start fails, or None. `held` is the memory that others hold, in bytes by CUDA index."""
    total = memory.total / GIB
    for index, size in held.items():
        if memory.total - size < memory.budget:
            return Failure(
                "engine",
                f"ValueError: Free memory on device cuda:{index} ({total - size / GIB:.2f}/{total:.2f} GiB) on startup "
                f"is less than desired GPU memory utilization ({utilization}, {memory.budget / GIB:.2f} GiB). Decrease "
                "GPU memory utilization or reduce GPU memory used by other processes.",
            )
    if memory.weights > memory.total:
        return Failure(
            "engine",
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.62 GiB. GPU 0 has a total capacity of "
            f"{total:.2f} GiB of which 1.12 GiB is free.",
        )
    if memory.blocks == 0:
        return Failure(
            "kernels",
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
            "initializing the engine.",
        )
    if max_num_seqs > memory.blocks:
        return Failure(
            "kv_cache",
            f"ValueError: max_num_seqs ({max_num_seqs}) exceeds available Mamba cache blocks ({memory.blocks}). Each "
            "decode request requires one Mamba cache block, so CUDA graph capture cannot proceed.",
        )
    if not memory.fits(max_model_len):
        needed = memory.blocks_for(max_model_len) * memory.block_bytes / GIB
        longest = (memory.blocks - memory.state_blocks_per_request) * memory.block_tokens
        return Failure(
            "kernels",
            f"ValueError: To serve at least one request with the model's max seq len ({max_model_len}), "
            f"{needed:.2f} GiB KV cache is needed, which is larger than the available KV cache memory "
            f"({memory.pool / GIB:.2f} GiB). Based on the available memory, the estimated maximum model length is "
            f"{max(0, longest)}. Try increasing `gpu_memory_utilization` or decreasing `max_model_len`.",
        )
    return None
