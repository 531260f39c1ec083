"""Why a case would not start, each with the change that would help: the variant's gate, the memory, the free GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Any

from nemotui.core.case import Case
from nemotui.core.catalog_entry import capability
from nemotui.core.choices import LEAST_UTILIZATION
from nemotui.core.groups import GpuGroups
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.memory import MemoryPlan
from nemotui.core.request import tensor_parallel_sizes
from nemotui.core.show import gib
from nemotui.core.whatif import imagine

_SHORTER_CONTEXTS = (131_072, 65_536, 32_768, 16_384, 8_192, 4_096)
_MOST_CHANGES = 3  # more of them at once are another plan
_SHARE = "with --gpu-memory-utilization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """A change that may help. `words` go on from "fits"; `then` is the case with it made."""

    words: str
    then: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why not, in one sentence, and what may help, best first.

    `more_gpus`: the help is another number of GPUs, so that which of them are free for this number is beside the point.
    """

    reason: str
    helps: tuple[Help, ...] = ()
    more_gpus: bool = False


def refuse(case: Case, free: GpuGroups) -> list[Refusal]:
    """All that speaks against this case; empty where it would start. `free`: the groups with room for the budget."""
    memory = case.taught
    usable = [gpu for gpu in case.kind if _usable(gpu)]
    if not usable and (memory is None or case.capability == (0, 0)):  # why nothing is known of it
        return [_unusable(case, usable)]
    no_room = _room(case, memory)
    no_place = _place(case, memory, usable, free)
    if no_place and no_room and no_room.more_gpus:
        no_place = _unusable(case, usable) if len(usable) < len(case.kind) else None
    return [refusal for refusal in (_gate(case), no_room, no_place) if refusal]


def would_fit_if(refusals: Sequence[Refusal]) -> str | None:
    """The changes after which nothing speaks against the case any more, as a sentence; None where we know of none.

    Each is made and judged again before it is said.
    """
    way = _way_out(refusals, _MOST_CHANGES)
    return way if way is None or way.startswith("needs ") else f"fits {way}"


def _way_out(refusals: Sequence[Refusal], changes: int) -> str | None:
    alone, longer = [], None
    for each in refusals[0].helps if refusals and changes else ():
        left = refuse(each.then, each.then.groups(each.then.budget))
        if not left:
            alone.append(each.words)
            if not each.words.startswith(_SHARE):  # beside that, what would free the GPUs is said too
                break
        elif longer is None and not alone and (rest := _way_out(left, changes - 1)):
            longer = f"{each.words}, and {rest}"
    return " or ".join(alone) or longer


def _gate(case: Case) -> Refusal | None:
    """Does vLLM run this variant on this GPU at all?"""
    if case.capability == (0, 0):
        return Refusal(reason=f"the compute capability of {case.kind[0].name} is unknown")
    need, have = case.variant.least_capability(case.release), dotted(case.capability)
    if case.capability < capability(need):
        return Refusal(
            reason=f"{case.variant.name} needs compute capability {need}, and this GPU has {have}",
            helps=_asking(case, "with a newer image", image=None) if case.request.image else (),
        )
    if case.kv_dtype == "fp8" and not case.has_fp8_kv_cache:
        asked = case.request.kv_cache_dtype
        return Refusal(
            reason=f"{'--kv-cache-dtype fp8' if asked else 'this checkpoint'} asks for an FP8 KV cache,"
            f" which compute capability {have} does not have",
            helps=_asking(case, "with --kv-cache-dtype bfloat16", kv_cache_dtype="bfloat16"),
        )
    return None


def _room(case: Case, memory: MemoryPlan | None) -> Refusal | None:
    """Do the weights, one request of the whole context and the batch fit into an empty GPU?"""
    if memory is None:
        why = next((gpu.unknown[f] for gpu in case.kind for f in gpu.unknown if f == "memory_total_bytes"), "")
        return Refusal(reason="the GPU's memory is unknown" + (f": {why}" if why else ""))
    takes = f"weights take {gib(memory.weights)} and vLLM about {gib(memory.overhead)} of each GPU"
    if not memory.fits(case.context):
        need = f"one request of {case.context:,} tokens needs {memory.blocks_to_start(case.context)} blocks"
        left = f"what is left of {gib(memory.budget)} holds {memory.blocks}"
        settings, gpus = _other_settings(case, memory), _more_gpus(case, memory)
        return Refusal(reason=f"{takes}; {need}, {left}", helps=settings + gpus, more_gpus=bool(gpus) and not settings)
    seqs = case.max_num_seqs(memory)
    if seqs is not None and seqs > memory.blocks:
        return Refusal(
            reason=f"vLLM refuses to start: {seqs} sequences at once, and memory for {memory.blocks} blocks",
            helps=_asking(case, f"with --max-num-seqs {memory.max_num_seqs}", max_num_seqs=memory.max_num_seqs),
        )
    return None


def _place(case: Case, memory: MemoryPlan | None, usable: list[Gpu], free: GpuGroups) -> Refusal | None:
    """Are there enough GPUs that are well and have room for what vLLM takes now?"""
    if memory is None or len(free.groups) >= case.dp:
        return None
    need = case.tp * case.dp
    busy = [gpu for gpu in usable if not _is_free(gpu, memory)]
    out = [gpu for gpu in case.kind if not _usable(gpu)]
    reason = "; ".join(f"GPU {gpu.index}: {free.refusals[gpu.uuid]}" for gpu in (*busy, *out))
    if len(usable) < need:
        return replace(_unusable(case, usable), reason=reason)
    # The GPUs that hold least are the easiest to free.
    missing = need - (len(usable) - len(busy))
    wanted = sorted(busy, key=lambda gpu: gpu.memory_used_bytes or 0)[:missing]
    wanted.sort(key=lambda gpu: gpu.index)
    helps = _smaller_share(case, usable, need)
    if wanted:
        freed = {gpu.uuid: _idle(gpu) for gpu in wanted}
        words = f"if {_names(wanted)} were free: {'; '.join(holders(gpu) for gpu in wanted)}"
        helps += (Help(words=words, then=_with(case, freed)),)
    return Refusal(reason=reason or f"{need} equal GPUs are needed", helps=helps)


def _unusable(case: Case, usable: list[Gpu]) -> Refusal:
    """The GPUs that are lost, hidden or cut into slices, and as many of them as would help."""
    refusals = case.groups().refusals
    out = [gpu for gpu in case.kind if not _usable(gpu)]
    reason = "; ".join(f"GPU {gpu.index}: {refusals[gpu.uuid]}" for gpu in out)
    missing = out[: case.tp * case.dp - len(usable)]
    whole = next(iter(usable), None) or (imagine(case.chip, 1).gpus[0] if case.chip else None)
    if not missing or whole is None:
        return Refusal(reason=reason)
    mended = {gpu.uuid: _idle(replace(whole, index=gpu.index, uuid=gpu.uuid, name=gpu.name)) for gpu in missing}
    return Refusal(reason=reason, helps=(Help(words=f"if {_names(missing)} could be used", then=_with(case, mended)),))


def _asking(case: Case, words: str, **changes: Any) -> tuple[Help, ...]:
    """Help by other flags; the published command has none that could be changed."""
    if case.request.as_published:
        return (Help(words="without --as-published", then=_asked(case, as_published=False)),)
    return (Help(words=words, then=_asked(case, **changes)),)


def _asked(case: Case, **changes: Any) -> Case:
    return replace(case, request=replace(case.request, **changes))


def _with(case: Case, gpus: Mapping[str, Gpu]) -> Case:
    """With these in the place of those of the same UUID."""
    return replace(case, kind=tuple(gpus.get(gpu.uuid, gpu) for gpu in case.kind))


def _smaller_share(case: Case, usable: list[Gpu], need: int) -> tuple[Help, ...]:
    """The share of the memory that the freest GPUs have left."""
    if case.total is None or case.request.as_published:
        return ()
    free = sorted((gpu.memory_free_bytes or 0 for gpu in usable), reverse=True)[:need]
    share = floor(100 * free[-1] / case.total) / 100
    if not LEAST_UTILIZATION <= share < case.utilization:
        return ()
    return _asking(case, f"{_SHARE} {share:g}", gpu_memory_utilization=share)


def _other_settings(case: Case, memory: MemoryPlan) -> tuple[Help, ...]:
    """The smallest change of the flags first: a shorter context, no speculation, the usual share of the memory."""
    if case.request.as_published:
        return _asking(case, "") if memory.fits(_SHORTER_CONTEXTS[-1]) else ()
    found: tuple[Help, ...] = ()
    for context in _SHORTER_CONTEXTS:
        if context < case.context and memory.fits(context):
            found += _asking(case, f"with --context {context}", context=context)
    if case.mtp:
        found += _asking(case, "with --mtp 0", mtp=0)
    usual = _asked(case, gpu_memory_utilization=None).utilization
    if case.utilization < usual:
        found += _asking(case, f"{_SHARE} {usual:g}", gpu_memory_utilization=usual)
    return tuple(each for each in found if not _is_short(each.then))


def _is_short(case: Case) -> bool:
    """Is there no room for even the shortest context that we would offer?"""
    return case.taught is None or not case.taught.fits(min(case.context, _SHORTER_CONTEXTS[-1]))


def _more_gpus(case: Case, memory: MemoryPlan) -> tuple[Help, ...]:
    free, found = sum(_is_free(gpu, memory) for gpu in case.kind), []
    whole = next((gpu for gpu in case.kind if _usable(gpu)), case.kind[0])
    for tp in tensor_parallel_sizes(case.catalog.model):
        need = tp * case.dp
        if tp <= case.tp:
            continue
        if need <= free:
            found.append(Help(words=f"with --tp {tp}", then=replace(case, tp=tp)))
            continue
        gpus = tuple(_idle(replace(whole, index=index, uuid=f"{index}")) for index in range(need))
        words = f"needs {need} of this GPU" + (", all of them free" if need <= len(case.kind) else "")
        found.append(Help(words=words, then=replace(case, tp=tp, kind=gpus, machine=Machine(gpus=gpus))))
    return tuple(found)


def _usable(gpu: Gpu) -> bool:
    return gpu.state == "ok" and gpu.visible and not gpu.mig_enabled


def _is_free(gpu: Gpu, memory: MemoryPlan) -> bool:
    return _usable(gpu) and (gpu.memory_free_bytes or 0) >= memory.budget


def _idle(gpu: Gpu) -> Gpu:
    """The same GPU, well and used by nobody."""
    return replace(
        gpu,
        state="ok",
        visible=True,
        mig_enabled=False,
        memory_used_bytes=0,
        memory_free_bytes=gpu.cuda_total_bytes,
        processes=(),
    )


def _names(gpus: list[Gpu]) -> str:
    return " and ".join(f"GPU {gpu.index}" for gpu in gpus)


def used_by_others(gpu: Gpu, total: int | None) -> int:
    """The bytes of a GPU that are not free, of those that CUDA sees; 0 where the driver does not say."""
    whole = gpu.cuda_total_bytes or total
    return 0 if whole is None or gpu.memory_free_bytes is None else max(0, whole - gpu.memory_free_bytes)


def holders(gpu: Gpu) -> str:
    """Who holds memory of a GPU, and how much."""
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
