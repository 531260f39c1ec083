"""What is judged: one variant on so many GPUs of one kind, as the flags, the catalogue and the driver know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nemotui.core.catalog_entry import capability
from nemotui.core.chip import Chip
from nemotui.core.groups import GpuGroups, tensor_parallel_groups
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.measured import MeasuredStart, Setup, moving_overhead, newest_start
from nemotui.core.memory import (
    DEFAULT_UTILIZATION,
    TYPICAL_TOKENS,
    UNIFIED_UTILIZATION,
    KvDtype,
    MemoryPlan,
    plan_memory,
)
from nemotui.core.models import Catalog, Variant
from nemotui.core.plan import GPU_IMAGE
from nemotui.core.release import Release, release, release_of
from nemotui.core.request import PlanRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question to judge. `kind`: the GPUs of one product, by index; `total`: the bytes CUDA sees on the smallest.

    `capability` is (0, 0) where unknown; `dp` are the copies.
    """

    machine: Machine
    catalog: Catalog
    request: PlanRequest
    variant: Variant
    tp: int
    kind: tuple[Gpu, ...]
    chip: Chip | None
    total: int | None
    capability: tuple[int, int]
    dp: int = 1

    @property
    def context(self) -> int:
        return self.request.context or self.catalog.model.max_position

    @property
    def mtp(self) -> int:
        return self.request.mtp or 0

    @property
    def unified(self) -> bool:
        return any(gpu.unified_memory for gpu in self.kind)

    @property
    def utilization(self) -> float:
        default = UNIFIED_UTILIZATION if self.unified and not self.request.as_published else DEFAULT_UTILIZATION
        return self.request.gpu_memory_utilization or default

    @property
    def kv_dtype(self) -> KvDtype:
        if self.request.as_published:  # it leaves the choice to the checkpoint
            return self.variant.checkpoint_kv_dtype
        return self.request.kv_cache_dtype or ("fp8" if self.has_fp8_kv_cache else "bfloat16")

    @property
    def has_fp8_kv_cache(self) -> bool:
        """Does vLLM keep an FP8 KV cache on this GPU?"""
        return self.capability >= capability(self.catalog.gates.fp8_kv_cache.min_capability)

    @property
    def as_published_settings(self) -> bool:
        """Is nothing set that the published benchmark had otherwise?

        Its command leaves all to vLLM, of whose releases the share of the memory has been 0.9 and 0.92.
        """
        ours = replace(self, request=replace(self.request, kv_cache_dtype=None))
        return (
            self.dp == 1
            and not self.mtp
            and not self.request.expert_parallel
            and not self.request.extra_args
            and self.kv_dtype == ours.kv_dtype
            and 0.9 <= self.utilization <= 0.95
            and self.context >= TYPICAL_TOKENS
        )

    @property
    def prefix_caching(self) -> bool:
        return self.request.prefix_caching is not False

    @property
    def setup(self) -> Setup:
        """What an earlier measurement must have been made on to hold here."""
        return Setup(
            machine=tuple(gpu.uuid for gpu in self.machine.gpus),
            gpu=self.kind[0].name,
            image=self.image,
            variant=self.variant.name,
            tensor_parallel_size=self.tp,
            data_parallel_size=self.dp,
            mtp_tokens=self.mtp,
            moved_by=moving_overhead(
                (*self.request.extra_args, *(["--enable-expert-parallel"] if self.request.expert_parallel else []))
            ),
        )

    @property
    def image(self) -> str:
        return GPU_IMAGE if self.request.as_published or self.request.image is None else self.request.image

    @property
    def release(self) -> Release | None:
        return release(self.image)

    def memory(self, total: int, *, overhead: int | None = None) -> MemoryPlan:
        """The memory plan on GPUs of `total` bytes."""
        return plan_memory(
            self.catalog.model,
            self.variant,
            total=total,
            tensor_parallel_size=self.tp,
            data_parallel_size=self.dp,
            kv_dtype=self.kv_dtype,
            utilization=self.utilization,
            mtp_tokens=self.mtp,
            prefix_caching=self.prefix_caching,
            all_states=self.release is not None
            and self.release <= release_of(self.catalog.gates.prefix_states.all_until),
            overhead=overhead,
        )

    @property
    def planned(self) -> MemoryPlan | None:
        """The memory plan; None where the GPU's memory is unknown."""
        return None if self.total is None else self.memory(self.total)

    @property
    def start(self) -> MeasuredStart | None:
        """The last start of this setup."""
        return newest_start(self.catalog.starts, self.setup)

    @property
    def planned_then(self) -> MemoryPlan | None:
        """The plan that the last start is set beside: with its share of the memory. Without one, this plan."""
        if self.start is None:
            return self.planned
        then = replace(self.request, gpu_memory_utilization=self.start.gpu_memory_utilization)
        return replace(self, request=then).planned

    @property
    def taught(self) -> MemoryPlan | None:
        """The plan with the overhead that the last start had."""
        planned, start = self.planned, self.start
        overhead = start.overhead(planned) if start and planned else None
        return planned if planned is None or overhead is None else self.memory(planned.total, overhead=overhead)

    def max_num_seqs(self, memory: MemoryPlan | None) -> int | None:
        """What `--max-num-seqs` is, asked for or by the plan; None where there is no room for one sequence."""
        if self.request.as_published and self.total is not None:
            default = self.catalog.gates.default_seqs
            small = self.unified or self.capability in map(capability, default.small_capabilities)
            return default.small if small or self.total < default.large_from_bytes else default.large
        return self.request.max_num_seqs or (memory.max_num_seqs if memory else 0) or None

    @property
    def budget(self) -> int | None:
        """The bytes that vLLM takes of each GPU; None where the GPU's memory is unknown."""
        return None if self.total is None else self.memory(self.total).budget

    def groups(self, need_bytes: int | None = None) -> GpuGroups:
        """The groups of these GPUs, each with `need_bytes` free where that is given."""
        return tensor_parallel_groups(Machine(gpus=self.kind, links=self.machine.links), self.tp, need_bytes)


def make_case(
    machine: Machine, catalog: Catalog, request: PlanRequest, variant: Variant, tp: int, kind: Sequence[Gpu]
) -> Case:
    """Put together what the driver says and, where it does not, what the catalogue knows of the chip."""
    chip = catalog.chip(kind[0].name)
    totals = [gpu.cuda_total_bytes for gpu in kind if gpu.memory_reserved_bytes is not None or chip is None]
    known = [total for total in totals if total is not None]
    said = next((gpu.compute_capability for gpu in kind if gpu.compute_capability), None)
    said = said or (chip.compute_capability if chip else None)
    return Case(
        machine=machine,
        catalog=catalog,
        request=request,
        variant=variant,
        tp=tp,
        kind=tuple(kind),
        chip=chip,
        # The catalogue knows what CUDA sees of a chip where the driver does not say how much it keeps for itself.
        total=min(known) if known else chip.cuda_total_bytes if chip else None,
        capability=capability(said) if said else (0, 0),
        dp=request.data_parallel_size or 1,
    )
