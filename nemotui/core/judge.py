"""One row of the recommendation: this variant on so many GPUs of one kind. Would it start, why, and how fast?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nemotui.core.case import Case
from nemotui.core.flags import vllm_args
from nemotui.core.groups import GpuGroups
from nemotui.core.measured import MeasuredStart
from nemotui.core.memory import TYPICAL_REQUESTS, TYPICAL_TOKENS, MemoryPlan
from nemotui.core.models import PublishedRow
from nemotui.core.plan import ALL_GPUS, Plan
from nemotui.core.predict import Prediction, predict, published_row
from nemotui.core.reasons import arithmetic, beside, copies, little_room, unpublished, weaker
from nemotui.core.refusals import holders, refuse, used_by_others, would_fit_if
from nemotui.core.show import gib

Verdict = Literal["fits", "tight", "experimental", "no"]

LEAST_HELD = 1 << 28  # bytes; what an idle driver keeps is less
LENGTHS = (1024, TYPICAL_TOKENS, 32_768)
_PUBLISHED_FAULTS = (
    "the published command has no reasoning and no tool parser: thinking lands in the answer, tools get HTTP 400",
    "the published command listens on every address without a key, and its image is not pinned",
    "the published command keeps no compiled graphs: every start compiles again",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What others hold of the fullest GPU of a plan: its index, bytes, and who in words."""

    gpu: int
    count: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One row. `gpus` are UUIDs, `gpu_indices` the same GPUs by index; `reasons` whole sentences; `would_fit_if` what
    would turn a "no" into a plan.

    Verdicts: "fits" satisfies every inequality of the memory plan with what is free now; "tight" does so with little
    to spare; "experimental" is admitted by vLLM and published by nobody, for what is `unpublished` of it; "no" would
    not start. `plan` is None for "no", unless the published command was asked for as it is. `memory` is per GPU, None
    where the GPU's memory is unknown; it differs from what was `planned` for an earlier start here, `measured`, which
    has taught the overhead. `held` is None where nobody holds memory. `predicted` is None where the chip is unknown or
    nothing would run.
    """

    variant: str
    model: str
    tensor_parallel_size: int
    data_parallel_size: int
    gpus: tuple[str, ...]
    gpu_indices: tuple[int, ...]
    verdict: Verdict
    published: bool
    unpublished: tuple[str, ...]
    reasons: tuple[str, ...]
    would_fit_if: str | None
    memory: MemoryPlan | None
    planned: MemoryPlan | None
    measured: MeasuredStart | None
    held: Held | None
    max_num_seqs: int | None
    max_model_len: int
    predicted: Prediction | None
    plan: Plan | None

    @property
    def summary(self) -> str:
        """The one sentence that explains the row, beginning with where its expectation comes from."""
        if self.verdict == "no":
            return self.would_fit_if or self.reasons[0]
        tokens = min(TYPICAL_TOKENS, self.max_model_len)
        held = dict(self.live_requests)[tokens]
        room = f"{min(held, self.most_at_once or held):,.0f} requests of {tokens:,} tokens at once"
        source = f"{self.predicted.source}; " if self.predicted else ""
        if self.verdict == "experimental":
            return f"{source}{' and '.join(self.unpublished)}, unpublished; {room}"
        return f"{source}{'little room: ' if self.verdict == 'tight' else ''}{room}"

    @property
    def most_at_once(self) -> int | None:
        """What `--max-num-seqs` lets run at once in all copies, however many more the memory would hold."""
        return self.max_num_seqs and self.max_num_seqs * self.data_parallel_size

    @property
    def capped(self) -> bool:
        """Does the memory hold more requests of some length than may run?"""
        return self.most_at_once is not None and any(count > self.most_at_once for _, count in self.live_requests)

    @property
    def live_requests(self) -> tuple[tuple[int, float], ...]:
        """(tokens, requests of so many that the memory of all copies holds at once), up to the full context."""
        if self.memory is None:
            return ()
        lengths = sorted({tokens for tokens in LENGTHS if tokens < self.max_model_len} | {self.max_model_len})
        return tuple((tokens, self.data_parallel_size * self.memory.live_requests(tokens)) for tokens in lengths)


def judge(case: Case, free: GpuGroups) -> Recommendation:
    """The row for this case. `free`: the groups with room for its budget, looked for once for any number of copies."""
    catalog, request, variant, tp = case.catalog, case.request, case.variant, case.tp
    planned, start, memory = case.planned_then, case.start, case.taught
    max_num_seqs = case.max_num_seqs(memory)
    refusals = refuse(case, free)

    # A row that is refused for want of free memory still says which GPUs it is about.
    groups = (free if len(free.groups) >= case.dp else case.groups()).groups[: case.dp]
    members = {uuid for group in groups for uuid in group.gpus} if len(groups) == case.dp else set()
    chosen = tuple(gpu for gpu in case.kind if gpu.uuid in members)
    gpus = tuple(gpu.uuid for gpu in chosen)
    row = _published(case, memory, max_num_seqs)
    plan = _plan(case, gpus, max_num_seqs) if max_num_seqs and (not refusals or request.as_published) else None
    verdict: Verdict = "no"
    predicted = None
    reasons = [refusal.reason for refusal in refusals]
    if memory and max_num_seqs and not refusals:
        little = little_room(case, memory, max_num_seqs)
        verdict = _verdict(case, tight=bool(little))
        # Copies on equal groups have equal reasons.
        reasons = list(dict.fromkeys(reason for group in groups for reason in group.reasons))
        reasons += [*arithmetic(case, memory), *copies(case, memory, len(free.groups)), *little]
        if start and planned:
            reasons.append(beside(planned, start))
        if row:
            reasons.append(f"published: {row.output_throughput:,.0f} output tokens/s ({row.name})")
        if case.chip and plan:
            args = vllm_args(plan)
            predicted = predict(
                catalog.model,
                case.chip,
                variant,
                memory,
                tensor_parallel_size=tp,
                data_parallel_size=case.dp,
                max_num_seqs=max_num_seqs,
                row=row,
                bench=next((b for b in catalog.benchmarks if b.holds_for(case.setup, args)), None),
                weaker=weaker(case, groups),
            )
    if request.as_published:
        reasons += _PUBLISHED_FAULTS
    return Recommendation(
        variant=variant.name,
        model=request.model_path or variant.repo,
        tensor_parallel_size=tp,
        data_parallel_size=case.dp,
        gpus=gpus,
        gpu_indices=tuple(gpu.index for gpu in chosen),
        verdict=verdict,
        published=row is not None,
        unpublished=unpublished(case),
        reasons=tuple(reasons),
        would_fit_if=would_fit_if(refusals),
        memory=memory,
        planned=planned,
        measured=start,
        held=_held(case, gpus),
        max_num_seqs=max_num_seqs,
        max_model_len=case.context,
        predicted=predicted,
        plan=plan,
    )


def _published(case: Case, memory: MemoryPlan | None, max_num_seqs: int | None) -> PublishedRow | None:
    """What was published of just this plan: the settings are those of the guide, and its requests all run at once."""
    if not case.chip or not memory or not max_num_seqs or not case.as_published_settings:
        return None
    if min(max_num_seqs, memory.live_requests(TYPICAL_TOKENS)) < TYPICAL_REQUESTS:
        return None
    return published_row(case.catalog, case.chip, case.variant, case.tp)


def _verdict(case: Case, *, tight: bool) -> Verdict:
    if unpublished(case):
        return "experimental"
    return "tight" if tight else "fits"


def _held(case: Case, gpus: Sequence[str]) -> Held | None:
    """The fullest of these GPUs."""
    used = [(used_by_others(gpu, case.total), gpu) for gpu in case.kind if gpu.uuid in gpus]
    count, fullest = max(used, key=lambda pair: pair[0], default=(0, None))
    if fullest is None or count < LEAST_HELD:
        return None
    by = f"the host holds {gib(count)}" if fullest.unified_memory and not fullest.processes else holders(fullest)
    return Held(gpu=fullest.index, count=count, by=by)


def _plan(case: Case, gpus: tuple[str, ...], max_num_seqs: int) -> Plan:
    request, published = case.request, case.request.as_published
    return Plan(
        name=request.name or "nemotui",
        image=case.image,
        model=request.model_path or case.variant.repo,
        served_model_name=case.catalog.model.served_model_name,
        variant=case.variant.name,
        tensor_parallel_size=case.tp,
        data_parallel_size=case.dp,
        gpus=ALL_GPUS if published else gpus,
        max_model_len=case.context,
        max_num_seqs=max_num_seqs,
        derived_max_model_len=case.catalog.model.max_position,
        gpu_memory_utilization=case.utilization,
        kv_cache_dtype=None if published else case.kv_dtype,
        prefix_caching=case.prefix_caching,
        expert_parallel=request.expert_parallel,
        mtp_tokens=case.mtp,
        bind="0.0.0.0" if published else request.bind,
        port=request.port,
        model_mount=request.model_mount,
        hf_cache=request.hf_cache,
        vllm_cache=None if published else request.vllm_cache,
        key_file=request.key_file,
        inherited=() if published else request.inherited,
        as_published=published,
        keeping=request.keeping,
        extra_args=request.extra_args,
    )
