"""Output throughput against each user's speed, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from nemotui.core.scatter import scatter
from nemotui.core.sweep import SweepPoint, knee

KEY = "● a load   ◆ the knee   ○ does not count   · an earlier sweep   P published"


def pareto(
    points: Sequence[SweepPoint],
    *,
    earlier: Sequence[SweepPoint] = (),
    published: SweepPoint | None = None,
    width: int,
    height: int,
) -> list[str]:
    """A chart with the signs of `KEY`; per GPU where the number of GPUs is known of all that stands there."""
    per_gpu = all(point.per_gpu is not None for point in points)
    best = knee(points)
    marked = []
    for point in [*earlier, *([published] if published else []), *points]:
        high = point.per_gpu if per_gpu else point.output_throughput
        if point.per_user is not None and high is not None:
            if point in points:
                sign = "◆" if point is best else "○" if point.fault else "●"
            else:
                sign = "P" if point is published else "·"
            marked.append((point.per_user, high, sign))
    return scatter(
        marked,
        width=width,
        height=height,
        x_label="tok/s for each user",
        y_label="output tok/s per GPU" if per_gpu else "output tok/s",
    )
