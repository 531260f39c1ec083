"""A recommendation as `nemotui recommend --json` prints it, its command explained flag by flag."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

from nemotui.core.guide import differences
from nemotui.core.judge import Recommendation
from nemotui.core.measured import MeasuredStart
from nemotui.core.memory import MemoryPlan
from nemotui.core.plan import Plan, container_spec, docker_run, plan_flags


def recommendation_json(row: Recommendation) -> dict[str, Any]:
    """One entry of `recommendations`."""
    return {
        "variant": row.variant,
        "model": row.model,
        "tensor_parallel_size": row.tensor_parallel_size,
        "data_parallel_size": row.data_parallel_size,
        "gpus": list(row.gpus),
        "gpu_indices": list(row.gpu_indices),
        "verdict": row.verdict,
        "published": row.published,
        "summary": row.summary,
        "reasons": list(row.reasons),
        "would_fit_if": row.would_fit_if,
        "memory": _memory(row.memory) if row.memory else None,
        "held_by_others": {"gpu": row.held.gpu, "bytes": row.held.count, "by": row.held.by} if row.held else None,
        "measured": _measured(row.measured, row.planned) if row.measured and row.planned else None,
        "live_requests": [{"tokens": tokens, "requests": round(count, 1)} for tokens, count in row.live_requests],
        "most_at_once": row.most_at_once,
        "max_num_seqs": row.max_num_seqs,
        "max_model_len": row.max_model_len,
        "predicted": row.predicted and asdict(row.predicted),
        "command": docker_run(container_spec(row.plan)) if row.plan else [],
        **(reasons_json(row.plan) if row.plan else {"flags": [], "differences": []}),
    }


def reasons_json(plan: Plan) -> dict[str, Any]:
    """Every flag of the command with why it is there and who says so, and what the published guide has instead."""
    flags = plan_flags(plan)
    return {
        "flags": [{"flag": shlex.join(flag.words), "why": flag.why, "source": flag.source} for flag in flags],
        "differences": [asdict(difference) for difference in differences(plan)],
    }


def _memory(memory: MemoryPlan) -> dict[str, Any]:
    return {
        "total_bytes_per_gpu": memory.total,
        "budget_bytes_per_gpu": memory.budget,
        "weights_bytes_per_gpu": memory.weights,
        "kv_cache_bytes_per_gpu": max(0, memory.pool),
        "blocks": memory.blocks,
        "block_tokens": memory.block_tokens,
        "block_bytes": memory.block_bytes,
        "state_bytes_per_sequence": memory.state_bytes_per_sequence,
        "overhead_bytes_per_gpu": memory.overhead,
    }


def _measured(start: MeasuredStart, planned: MemoryPlan) -> dict[str, Any]:
    """What the last start here said, beside what was planned without knowing it."""
    return {
        "at": start.at,
        "version": start.version,
        "gpu_memory_utilization": start.gpu_memory_utilization,
        "weights_bytes_per_gpu": start.weights_bytes,
        "kv_cache_bytes_per_gpu": start.kv_cache_bytes,
        "blocks": start.blocks,
        "block_tokens": start.block_tokens,
        "kv_cache_tokens": start.kv_cache_tokens,
        "overhead_bytes_per_gpu": start.overhead(planned),
        "planned_blocks": planned.blocks,
        "planned_overhead_bytes_per_gpu": planned.overhead,
    }
