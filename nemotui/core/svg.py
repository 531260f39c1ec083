"""Charts as SVG text: lines, bars and points over two axes; colours and strokes are the page's (classes `s0` to `s5`).

A series is told apart by its dash or its mark as well as by its colour. Nothing is drawn for values that are None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

WIDTH, HEIGHT = 520, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 42
SERIES = 6  # looks before they repeat
_BUCKET = 9 / 8  # of a histogram: eight in an octave, the widest
_MARKS = ("●", "■", "▲", "◆", "▼", "✚")

Kind = Literal["line", "bars", "points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points (x, y), y None where unknown; `labels`, one a point, are written beside points.

    `bars` are the buckets of a histogram by their lower edges.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    kind: Kind = "line"
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels; `log` spaces powers evenly."""

    ticks: Sequence[float]
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log(v) if self.log else v for v in (self.ticks[0], self.ticks[-1], value))
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)


def chart(title: str, x_label: str, y_label: str, series: Sequence[Series], *, log_x: bool = False) -> str:
    """One chart with its legend; says so in words where there is nothing to draw. `log_x` needs x above 0."""
    known = [(x, y) for one in series for x, y in one.points if y is not None and math.isfinite(x + y)]
    if not known:
        return f'<figure><figcaption>{escape(title)}</figcaption><p class="none">nothing was measured</p></figure>'
    xs, ys = [x for x, _ in known], [y for _, y in known]
    x_ticks = log_ticks(min(xs), max(xs)) if log_x else ticks(min(0.0, *xs), max(xs))
    across = _Scale(x_ticks, _LEFT, WIDTH - _RIGHT, log_x)
    up = _Scale(ticks(0.0, max(ys)), HEIGHT - _BOTTOM, _TOP)
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">',
        *_grid(across, up),
        f'<text class="axis" x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 6}">{escape(x_label)}</text>',
        f'<text class="axis" transform="translate(13 {middle}) rotate(-90)">{escape(y_label)}</text>',
        *(_drawn(i, one, across, up) for i, one in enumerate(series)),
        "</svg>",
    ]
    legend = "".join(
        f'<span class="s{i % SERIES}"><i class="{one.kind}">{_MARKS[i % SERIES] if one.kind == "points" else ""}</i>'
        f"{escape(one.name)}</span>"
        for i, one in enumerate(series)
        if one.points
    )
    shown = f'<div class="legend">{legend}</div>' if len(series) > 1 else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{shown}{''.join(parts)}</figure>"


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round values that enclose `low` to `high`, in steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * k for k in (1, 2, 5, 10) if span / (power * k) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Values 1, 2 or 5 times a power of ten that enclose `low` to `high`; powers of ten alone where they are many."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    every = [float(f"{k}e{power}") for power in powers for k in (1, 2, 5)]
    first = max(i for i, tick in enumerate(every) if tick <= low)
    last = min(i for i, tick in enumerate(every) if tick > high)
    inside = every[first : last + 1]
    return inside if len(inside) <= 9 else [inside[0], *[t for t in inside[1:-1] if f"{t:e}"[0] == "1"], inside[-1]]


def _grid(across: _Scale, up: _Scale) -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    rows = [
        f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{up(y)}" y2="{up(y)}"/>'
        f'<text class="y" x="{_LEFT - 6}" y="{up(y) + 4}">{y:,g}</text>'
        for y in up.ticks
    ]
    columns = [f'<text class="x" x="{across(x)}" y="{bottom + 17}">{x:,g}</text>' for x in across.ticks]
    return [*rows, *columns]


def _drawn(index: int, series: Series, across: _Scale, up: _Scale) -> str:
    at = [(across(x), up(y), i) for i, (x, y) in enumerate(series.points) if y is not None and math.isfinite(x + y)]
    look = f"s{index % SERIES}"
    if series.kind == "bars":
        floor = HEIGHT - _BOTTOM
        ends = [across(x * _BUCKET) for x, y in series.points if y is not None and math.isfinite(x + y)]
        return "".join(
            f'<rect class="{look}" x="{x}" y="{y}" width="{max(end - x - 1, 1.5):.1f}" height="{floor - y:.1f}"/>'
            for (x, y, _), end in zip(at, ends, strict=True)
        )
    if series.kind == "points":
        mark = _MARKS[index % SERIES]
        labels = series.labels or [""] * len(series.points)
        return "".join(
            f'<text class="mark {look}" x="{x}" y="{y + 4}">{mark}</text>'
            + (f'<text class="label" x="{x + 8}" y="{y - 6}">{escape(labels[i])}</text>' if labels[i] else "")
            for x, y, i in at
        )
    return f'<polyline class="{look}" points="{" ".join(f"{x},{y}" for x, y, _ in at)}"/>'
