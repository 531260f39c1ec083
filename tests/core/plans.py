"""What tests of plans ask with."""

from __future__ import annotations

from nemotui.core.hardware import Machine
from nemotui.core.recommend import (
    PlanRequest,
    Recommendation,
    recommend,
)
from tests.core.machines import CATALOG

H100, H200, B200, A100, A100_40 = "H100 80GB SXM", "H200", "B200", "A100 80GB SXM", "A100 40GB SXM"
ANYTHING = PlanRequest()


def rows(of: Machine, request: PlanRequest = ANYTHING) -> tuple[Recommendation, ...]:
    return recommend(of, CATALOG, request)


def short(row: Recommendation) -> str:
    copies = f"×{row.data_parallel_size}" if row.data_parallel_size > 1 else ""
    return f"{row.variant} TP{row.tensor_parallel_size}{copies} {row.verdict}"


def row(of: Machine, variant: str, tp: int, request: PlanRequest = ANYTHING) -> Recommendation:
    return next(r for r in rows(of, request) if (r.variant, r.tensor_parallel_size) == (variant, tp))
