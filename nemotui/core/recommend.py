"""Which variant on how many of these GPUs, with which settings, and why: a row for each variant and TP, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from nemotui.core.case import Case, make_case
from nemotui.core.choices import Goal
from nemotui.core.errors import UsageError
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.judge import Recommendation, Verdict, judge
from nemotui.core.models import Catalog
from nemotui.core.plan import Plan
from nemotui.core.predict import middle
from nemotui.core.reasons import most_copies
from nemotui.core.request import PlanRequest, check_request, gpus_asked, tensor_parallel_sizes, variants_asked

__all__ = ["PlanRequest", "Recommendation", "Verdict", "plan_without_gpu", "recommend"]

_RANK: dict[Verdict, int] = {"fits": 0, "tight": 1, "experimental": 2, "no": 3}
_SLOW = 3  # times the shortest TTFT
_CPU_CONTEXT = 4096
_CPU_SEQS = 16


def recommend(machine: Machine, catalog: Catalog, request: PlanRequest) -> tuple[Recommendation, ...]:
    """Every variant and tensor parallel size that was left open, on the best GPUs that are free, best first.

    Raises `UsageError` for flags that cannot be meant, `NothingThereError` for a machine without a GPU.
    """
    catalog = catalog.serving(request.model_path)
    check_request(request, catalog)
    gpus = gpus_asked(request, machine)
    dp = request.data_parallel_size or 1
    rows: list[Recommendation] = []
    for name in variants_asked(request, catalog.model):
        variant = catalog.model.variant(name)
        if variant is None:
            continue
        for tp in tensor_parallel_sizes(catalog.model):
            if request.tensor_parallel_size not in (None, tp) or tp * dp > len(gpus):
                continue
            kinds = [kind for kind in _kinds(gpus) if len(kind) >= tp * dp]
            rows += _best([make_case(machine, catalog, request, variant, tp, kind) for kind in kinds])
    if not rows:
        what = f"{(request.tensor_parallel_size or 1) * dp} GPUs of one product are needed, and these are all different"
        raise UsageError("usage", what, "Use a smaller --tp or --dp.")
    ttfts = [middle(row.predicted.mean_ttft_ms) for row in rows if row.predicted]
    slow = _SLOW * min(ttfts, default=inf)
    return tuple(sorted(rows, key=lambda row: _order(row, request.goal, slow)))


def _best(cases: Sequence[Case]) -> list[Recommendation]:
    """The best of the kinds of GPU; where the copies were left open, also with as many as are offered."""
    judged = [(judge(case, free), case, free) for case in cases for free in [case.groups(case.budget)]]
    if not judged:
        return []
    row, case, free = min(judged, key=lambda each: _order(each[0], each[1].request.goal))
    if case.request.data_parallel_size or case.request.as_published or row.verdict == "no":
        return [row]
    copies = most_copies(len(free.groups))
    whole = judge(replace(case, dp=copies), free) if copies > 1 else row
    return [row] if whole is row or whole.verdict == "no" else [row, whole]


def plan_without_gpu(request: PlanRequest, catalog: Catalog) -> Plan:
    """The plan for a CPU image: what was asked, and nothing that only a GPU understands."""
    check_request(request, catalog)
    if request.image is None or request.model_path is None:
        fix = "Name them: --image REF --model-path PATH_OR_ID."
        raise UsageError("usage", "--no-gpu needs a CPU image and a model that a CPU can run", fix)
    return Plan(
        name=request.name or "nemotui",
        image=request.image,
        model=request.model_path,
        served_model_name=catalog.model.served_model_name,
        variant=request.variant,
        tensor_parallel_size=request.tensor_parallel_size or 1,
        data_parallel_size=request.data_parallel_size or 1,
        max_model_len=request.context or _CPU_CONTEXT,
        max_num_seqs=request.max_num_seqs or _CPU_SEQS,
        derived_max_model_len=catalog.model.max_position,
        prefix_caching=request.prefix_caching is not False,
        mtp_tokens=request.mtp or 0,
        bind=request.bind,
        port=request.port,
        model_mount=request.model_mount,
        hf_cache=request.hf_cache,
        vllm_cache=request.vllm_cache,
        key_file=request.key_file,
        inherited=request.inherited,
        keeping=request.keeping,
        extra_args=request.extra_args,
    )


def _kinds(gpus: Sequence[Gpu]) -> list[tuple[Gpu, ...]]:
    """The GPUs by product and memory: only equal ones share a model. Those that do not say theirs go with each."""
    kinds: dict[tuple[str, int | None], list[Gpu]] = {}
    for gpu in gpus:
        kinds.setdefault((gpu.name, gpu.memory_total_bytes), []).append(gpu)
    found = []
    for (name, memory), kind in kinds.items():
        silent = kinds.get((name, None), [])
        if memory is None and any(other == name and size is not None for other, size in kinds):
            continue
        found.append(tuple(sorted(kind if memory is None else [*kind, *silent], key=lambda gpu: gpu.index)))
    return found


def _order(row: Recommendation, goal: Goal, slow: float = inf) -> tuple[int, bool, bool, float, int]:
    """The verdict, then what was published, then the goal; the fewer GPUs first among equals.

    For latency a row whose TTFT is above `slow` ms comes behind the others: who waits for the first token does not
    care how fast the next ones come.
    """
    late = goal == "latency" and row.predicted is not None and middle(row.predicted.mean_ttft_ms) > slow
    gpus = row.tensor_parallel_size * row.data_parallel_size
    return _RANK[row.verdict], not row.published, late, _cost(row, goal), gpus


def _cost(row: Recommendation, goal: Goal) -> float:
    """What the goal wants little of."""
    if goal == "capacity":
        return -row.live_requests[-1][1] if row.live_requests else inf
    if row.predicted is None:
        return inf
    if goal == "latency":
        return middle(row.predicted.mean_itl_ms)
    return -middle(row.predicted.output_throughput)
