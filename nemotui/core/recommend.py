"""Which variant on how many of these GPUs, with which settings, and why: a row for each variant and TP, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nemotui.core.errors import UsageError
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.judge import Recommendation, Verdict, judge
from nemotui.core.models import Catalog
from nemotui.core.plan import Plan, container_spec, docker_run
from nemotui.core.request import PlanRequest, check_request, gpus_asked, tensor_parallel_sizes, variants_asked

__all__ = ["PlanRequest", "Recommendation", "Verdict", "plan_without_gpu", "recommend", "recommendation_json"]

_RANK: dict[Verdict, int] = {"fits": 0, "tight": 1, "experimental": 2, "no": 3}
_CPU_CONTEXT = 4096
_CPU_SEQS = 16


def recommend(machine: Machine, catalog: Catalog, request: PlanRequest) -> tuple[Recommendation, ...]:
    """Every variant and tensor parallel size that was left open, on the best GPUs that are free, best first.

    Raises `UsageError` for flags that cannot be meant, `NothingThereError` for a machine without a GPU.
    """
    check_request(request, catalog.model)
    gpus = gpus_asked(request, machine)
    dp = request.data_parallel_size or 1
    rows = []
    for name in variants_asked(request):
        variant = catalog.model.variant(name)
        if variant is None:
            continue
        for tp in tensor_parallel_sizes(catalog.model):
            if request.tensor_parallel_size not in (None, tp) or tp * dp > len(gpus):
                continue
            kinds = [kind for kind in _kinds(gpus) if len(kind) >= tp * dp]
            judged = [judge(machine, catalog, request, variant, tp, kind) for kind in kinds]
            rows += sorted(judged, key=_order)[:1]
    if not rows:
        what = f"{(request.tensor_parallel_size or 1) * dp} GPUs of one product are needed, and these are all different"
        raise UsageError("usage", what, "Use a smaller --tp or --dp.")
    return tuple(sorted(rows, key=_order))


def plan_without_gpu(request: PlanRequest, catalog: Catalog) -> Plan:
    """The plan for a CPU image: what was asked, and nothing that only a GPU understands."""
    check_request(request, catalog.model)
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
        mtp_tokens=request.mtp or 0,
        bind=request.bind,
        port=request.port,
        model_mount=request.model_mount,
        hf_cache=request.hf_cache,
        extra_args=request.extra_args,
    )


def recommendation_json(row: Recommendation) -> dict[str, Any]:
    """One entry of the `recommendations` of `nemotui recommend --json`."""
    memory = row.memory
    return {
        "variant": row.variant,
        "model": row.model,
        "tensor_parallel_size": row.tensor_parallel_size,
        "data_parallel_size": row.data_parallel_size,
        "gpus": list(row.gpus),
        "verdict": row.verdict,
        "published": row.published,
        "reasons": list(row.reasons),
        "would_fit_if": row.would_fit_if,
        "memory": memory
        and {
            "total_bytes_per_gpu": memory.total,
            "weights_bytes_per_gpu": memory.weights,
            "kv_cache_bytes_per_gpu": max(0, memory.pool),
            "blocks": memory.blocks,
            "state_bytes_per_sequence": memory.state_bytes_per_sequence,
            "overhead_bytes_per_gpu": memory.overhead,
        },
        "max_num_seqs": row.max_num_seqs,
        "max_model_len": row.max_model_len,
        "predicted": row.predicted and asdict(row.predicted),
        "command": docker_run(container_spec(row.plan)) if row.plan else [],
    }


def _kinds(gpus: Sequence[Gpu]) -> list[tuple[Gpu, ...]]:
    """The GPUs by product: only equal ones share a model."""
    kinds: dict[str, list[Gpu]] = {}
    for gpu in gpus:
        kinds.setdefault(gpu.name, []).append(gpu)
    return [tuple(kind) for kind in kinds.values()]


def _order(row: Recommendation) -> tuple[int, bool, float, int]:
    throughput = row.predicted.output_throughput[1] if row.predicted else 0.0
    return _RANK[row.verdict], not row.published, -throughput, row.tensor_parallel_size
