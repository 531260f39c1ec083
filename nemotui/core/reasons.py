"""The sentences that explain a plan that would start: its arithmetic, its copies, how little room it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nemotui.core.case import Case
from nemotui.core.catalog_entry import capability
from nemotui.core.groups import GpuGroup
from nemotui.core.measured import MeasuredStart
from nemotui.core.memory import MOST_UTILIZATION, SAFE_SHARE, TYPICAL_REQUESTS, TYPICAL_TOKENS, MemoryPlan
from nemotui.core.predict import middle, predict
from nemotui.core.refusals import dotted
from nemotui.core.show import gib


def arithmetic(case: Case, memory: MemoryPlan) -> list[str]:
    """The sentences that show the memory plan, and what is particular about it."""
    reasons = [
        f"of each GPU weights take {gib(memory.weights)}, vLLM about {gib(memory.overhead)}, and requests"
        f" {gib(memory.pool)} of {gib(memory.budget)}: {memory.blocks:,} blocks",
    ]
    if case.capability < capability(case.variant.native_capability):
        native = case.variant.native_capability
        reasons.append(
            f"{case.variant.name} runs natively from compute capability {native}; on {dotted(case.capability)} vLLM"
            " falls back to Marlin kernels, and nobody has published that"
        )
    if case.kv_dtype == "bfloat16" and not case.has_fp8_kv_cache:
        least = case.catalog.gates.fp8_kv_cache.min_capability
        reasons.append(f"the KV cache is bfloat16: FP8 needs compute capability {least}")
    if case.context > (own := case.catalog.model.max_position):
        reasons.append(f"a context above {own:,} tokens is not verified by us")
    if case.context < TYPICAL_TOKENS:
        reasons.append(f"the expectation is for requests of {TYPICAL_TOKENS:,} tokens: this context is shorter")
    if case.request.expert_parallel:
        reasons.append("whole experts on each GPU: the expectation is without that, nobody has published the gain")
    if not case.prefix_caching:
        reasons.append(
            "without prefix caching a request holds half the state blocks, and shared beginnings are read anew"
        )
    if case.mtp:
        reasons.append("the expectation is without speculation, whose gain depends on the text")
    if case.request.model_path:
        reasons.append(f"reckoned as {case.variant.repo}; {case.request.model_path} may differ")
    return reasons


def most_copies(groups: int) -> int:
    """How many copies are offered on so many free groups: of other numbers the experts' shares would be uneven."""
    return 1 << groups.bit_length() - 1 if groups else 1


def copies(case: Case, memory: MemoryPlan, groups: int) -> list[str]:
    """What copies give and cost beside one; for one copy the GPUs that it leaves idle. `groups`: as many are free."""
    one, many = replace(case, dp=1), replace(case, dp=case.dp if case.dp > 1 else most_copies(groups))
    alone, copies = one.taught, many.taught
    if many.dp < 2 or case.request.as_published or not alone or not copies or not copies.blocks:
        return []
    rates = [_rate(of, plan) for of, plan in ((one, alone), (many, copies))]
    times = "" if not all(rates) else f" about ×{rates[1] / rates[0]:.1f} the tokens/s of one"
    left = (groups - case.dp) * case.tp
    idle = f"{left} equal GPUs that are free stay idle"
    if case.dp == 1:
        return [f"{idle}; {many.dp} copies (--dp {many.dp}) would give{times or ' more'}, as computed"]
    both = f",{times}, {rates[1]:,.0f} against {rates[0]:,.0f} as computed" if times else ""
    less = f" in place of {gib(alone.weights)}" if alone.weights > memory.weights else ""
    return [
        f"gives: {case.dp} copies behind one port{both}, and {case.dp * memory.blocks:,} blocks in all against"
        f" {alone.blocks:,}; the routed experts are spread over all {case.tp * case.dp} GPUs, so that weights take"
        f" {gib(memory.weights)} of each{less}",
        f"costs: a request has the {memory.blocks:,} blocks of its copy and no others, and a beginning is cached in"
        " one copy alone; all take each step together, and an answer by itself is no faster; nobody has"
        " published this layout",
        *([idle] if left else []),
    ]


def _rate(case: Case, memory: MemoryPlan) -> float:
    """Output tokens/s as computed, even where something better is known, to compare like with like; 0: unknown."""
    seqs = case.max_num_seqs(memory)
    if not case.chip or not seqs or not memory.blocks:
        return 0.0
    found = predict(
        case.catalog.model,
        case.chip,
        case.variant,
        memory,
        tensor_parallel_size=case.tp,
        data_parallel_size=case.dp,
        max_num_seqs=seqs,
    )
    return middle(found.output_throughput)


def little_room(case: Case, memory: MemoryPlan, max_num_seqs: int) -> list[str]:
    """Why an error of our estimate would end the start; nothing where there is room for it."""
    reasons = []
    if memory.tight:
        reasons.append(
            f"little room: less than a tenth of the memory, or than {TYPICAL_REQUESTS} such requests at once"
        )
    if max_num_seqs > SAFE_SHARE * memory.blocks:
        reasons.append(
            f"little room: --max-num-seqs {max_num_seqs} is above {SAFE_SHARE:.0%} of the estimated {memory.blocks:,}"
            " blocks, and above their number vLLM refuses to start"
        )
    if case.utilization > MOST_UTILIZATION:
        reasons.append(
            f"little room: u = {case.utilization:g} leaves {gib(memory.total - memory.budget)} of each GPU, and 1.5 GiB"
            " beyond vLLM's share were seen in use"
        )
    return reasons


def beside(planned: MemoryPlan, start: MeasuredStart) -> str:
    """What the last start here had, in a sentence."""
    alike = start.blocks is not None and start.block_tokens in (None, planned.block_tokens)
    got = f": planned {planned.blocks:,} blocks, got {start.blocks:,}" if alike else ""
    took = start.overhead(planned)
    rest = "" if took is None else f"; besides the weights vLLM took {gib(took)}, which is reckoned with"
    return f"measured here at u = {start.gpu_memory_utilization:g}{got}{rest}"


def unpublished(case: Case) -> tuple[str, ...]:
    """What vLLM admits and nobody has published of this model: a plan with any of it is experimental."""
    found = []
    if case.capability < capability(case.variant.native_capability):
        found.append("Marlin kernels")
    if case.dp > 1:
        found.append(f"{case.dp} copies in step")
    return tuple(found)


def weaker(case: Case, groups: Sequence[GpuGroup]) -> str | None:
    """What no published row has: there the estimate is less sure."""
    found = [*unpublished(case)]
    if any(group.worst_link not in ("NVLINK", None) for group in groups):
        found.append("links over PCIe")
    if case.unified:
        found.append("memory shared with the host")
    return f"nothing was published with {' or '.join(found)}" if found else None
