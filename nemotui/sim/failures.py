"""What a real start of the same arguments on the same machine would die of, in vLLM's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemotui.core.catalog_entry import capability
from nemotui.core.chip import Chip
from nemotui.core.memory import GIB, KvDtype, MemoryPlan
from nemotui.core.models import Catalog, Variant
from nemotui.core.phases import Phase


@dataclass(frozen=True, slots=True)
class Failure:
    """The last phase that is still gone through, and the last line of the traceback."""

    phase: Phase
    text: str


def plan_failure(
    catalog: Catalog, chip: Chip, variant: Variant, *, kv_dtype: KvDtype, tensor_parallel_size: int, gpus: int
) -> Failure | None:
    """Why vLLM refuses this plan before it looks at the memory, or None. `gpus` are those that the container sees."""
    heads, here = catalog.model.query_heads, capability(chip.compute_capability)
    if heads % tensor_parallel_size:
        return Failure(
            "config",
            f"ValueError: Total number of attention heads ({heads}) must be divisible by tensor parallel size "
            f"({tensor_parallel_size}).",
        )
    if here < capability(variant.min_capability):
        need, have = variant.min_capability.replace(".", ""), chip.compute_capability.replace(".", "")
        return Failure(
            "config",
            f"ValueError: The quantization method modelopt is not supported for the current GPU. Minimum capability: "
            f"{need}. Current capability: {have}.",
        )
    if tensor_parallel_size > gpus:
        return Failure(
            "config",
            f"ValueError: World size ({tensor_parallel_size}) is larger than the number of available GPUs ({gpus}) in "
            "this node.",
        )
    if kv_dtype == "fp8" and here < capability(catalog.gates.fp8_kv_cache.min_capability):
        return Failure(
            "engine",
            "ValueError: FP8 KV cache is not supported by the Triton attention backend on this GPU; it requires SM89+.",
        )
    return None


def memory_failure(
    memory: MemoryPlan, *, max_model_len: int, max_num_seqs: int, utilization: float, held: Mapping[int, int]
) -> Failure | None:
    """Why this start runs out of memory, or None. `held` is the memory that others hold, in bytes by CUDA index."""
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
