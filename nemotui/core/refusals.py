"""Why a case would not start, each with the change that would help: the variant's gate, the memory, the free GPUs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor

from nemotui.core.case import FP8_KV_CAPABILITY, Case
from nemotui.core.groups import GpuGroups
from nemotui.core.hardware import Gpu
from nemotui.core.memory import GIB, MemoryPlan
from nemotui.core.models import capability
from nemotui.core.request import tensor_parallel_sizes

_SHORTER_CONTEXTS = (131_072, 65_536, 32_768, 16_384, 8_192, 4_096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why not, in one sentence, and what would help; None where nothing that we know of would.

    `more_gpus`: the help is another number of GPUs, so that which of them are free for this number is beside the point.
    """

    reason: str
    would_fit_if: str | None = None
    more_gpus: bool = False


def gate(case: Case) -> Refusal | None:
    """Does vLLM run this variant on this GPU at all?"""
    if case.capability == (0, 0):
        return Refusal(reason=f"the compute capability of {case.kind[0].name} is unknown")
    need, have = case.variant.least_capability(case.release), dotted(case.capability)
    if case.capability < capability(need):
        newest = case.variant.min_capability
        return Refusal(
            reason=f"{case.variant.name} needs compute capability {need}, and this GPU has {have}",
            would_fit_if="fits with a newer image" if case.capability >= capability(newest) else None,
        )
    if case.kv_dtype == "fp8" and case.capability < FP8_KV_CAPABILITY:
        asked = case.request.kv_cache_dtype
        return Refusal(
            reason=f"{'--kv-cache-dtype fp8' if asked else 'this checkpoint'} asks for an FP8 KV cache,"
            f" which compute capability {have} does not have",
            would_fit_if="fits with --kv-cache-dtype bfloat16" if asked else None,
        )
    return None


def room(case: Case, memory: MemoryPlan | None, max_num_seqs: int | None) -> Refusal | None:
    """Do the weights, one request of the whole context and the batch fit into an empty GPU?"""
    if memory is None:
        why = next((gpu.unknown[f] for gpu in case.kind for f in gpu.unknown if f == "memory_total_bytes"), "")
        return Refusal(reason="the GPU's memory is unknown" + (f": {why}" if why else ""))
    takes = f"weights take {gib(memory.weights)} and vLLM about {gib(memory.overhead)} of each GPU"
    if not memory.fits(case.context):
        need = f"one request of {case.context:,} tokens needs {memory.blocks_to_start(case.context)} blocks"
        left = f"what is left of {gib(memory.budget)} holds {memory.blocks}"
        return _more_room(case, memory, reason=f"{takes}; {need}, {left}")
    if max_num_seqs is not None and max_num_seqs > memory.blocks:
        return Refusal(
            reason=f"vLLM refuses to start: {max_num_seqs} sequences at once, and memory for {memory.blocks} blocks",
            would_fit_if=f"fits with --max-num-seqs {memory.max_num_seqs}",
        )
    return None


def place(case: Case, memory: MemoryPlan | None, free: GpuGroups) -> Refusal | None:
    """Are there enough GPUs that are well and free now? `free`: the groups with room for what vLLM takes."""
    if len(free.groups) >= case.dp or memory is None:
        return None
    need = case.tp * case.dp
    usable = [gpu for gpu in case.kind if gpu.state == "ok" and not gpu.mig_enabled]
    busy = [gpu for gpu in usable if not _is_free(gpu, memory)]
    out = [gpu for gpu in case.kind if gpu not in usable]
    reason = "; ".join(f"GPU {gpu.index}: {free.refusals[gpu.uuid]}" for gpu in (*busy, *out))
    if len(usable) < need:
        return Refusal(reason=reason, would_fit_if=f"fits if {_names(out)} could be used" if out else None)
    # The GPUs that hold least are the easiest to free.
    missing = need - (len(usable) - len(busy))
    wanted = sorted(busy, key=lambda gpu: gpu.memory_used_bytes or 0)[:missing]
    wanted.sort(key=lambda gpu: gpu.index)
    holders = "; ".join(_holders(gpu) for gpu in wanted)
    freed = f"if {_names(wanted)} were free: {holders}" if wanted else None
    share = _smaller_share(case, usable, need)
    smaller = f"with --gpu-memory-utilization {share:g}" if share else None
    helps = " or ".join(filter(None, (smaller, freed)))
    return Refusal(
        reason=reason or f"{need} equal GPUs are needed",
        would_fit_if=f"fits {helps}" if helps else None,
    )


def _smaller_share(case: Case, usable: list[Gpu], need: int) -> float | None:
    """The share of the memory that the freest GPUs have left, where it is enough for one request of the context."""
    if case.total is None or case.request.as_published:
        return None
    free = sorted((gpu.memory_free_bytes or 0 for gpu in usable), reverse=True)[:need]
    share = floor(100 * free[-1] / case.total) / 100
    smaller = replace(case, request=replace(case.request, gpu_memory_utilization=share))
    return share if share > 0 and smaller.memory(case.total).fits(case.context) else None


def _more_room(case: Case, memory: MemoryPlan, *, reason: str) -> Refusal:
    """With the smallest change that makes it fit: a shorter context, no speculation, more GPUs."""
    for context in _SHORTER_CONTEXTS:
        if context < case.context and memory.fits(context):
            return Refusal(reason=reason, would_fit_if=f"fits with --context {context}")
    if case.mtp and case.memory(memory.total, mtp=0).fits(case.context):
        return Refusal(reason=reason, would_fit_if="fits with --mtp 0")
    free = sum(_is_free(gpu, memory) for gpu in case.kind)
    for tp in tensor_parallel_sizes(case.catalog.model):
        if tp > case.tp and case.memory(memory.total, tp=tp).fits(case.context):
            need = tp * case.dp
            more = f"needs {need} of this GPU" + (", all of them free" if need <= len(case.kind) else "")
            return Refusal(reason=reason, would_fit_if=f"fits with --tp {tp}" if need <= free else more, more_gpus=True)
    return Refusal(reason=reason)


def _is_free(gpu: Gpu, memory: MemoryPlan) -> bool:
    return gpu.state == "ok" and not gpu.mig_enabled and (gpu.memory_free_bytes or 0) >= memory.budget


def _names(gpus: list[Gpu]) -> str:
    return " and ".join(f"GPU {gpu.index}" for gpu in gpus)


def _holders(gpu: Gpu) -> str:
    if not gpu.processes:
        held = "what" if gpu.memory_used_bytes is None else gib(gpu.memory_used_bytes)
        return f"{held} on GPU {gpu.index} is held by nobody that the driver lists"
    return ", ".join(
        f"{process.name or 'a process'} pid {process.pid} holds"
        f" {'memory' if process.memory_bytes is None else gib(process.memory_bytes)}"
        for process in gpu.processes
    )


def dotted(of: tuple[int, int]) -> str:
    """A compute capability as it is written."""
    return f"{of[0]}.{of[1]}"


def gib(count: int) -> str:
    """Bytes as the reader knows GPU memory."""
    return f"{count / GIB:.1f} GiB"
