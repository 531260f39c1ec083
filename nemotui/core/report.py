"""What a report says of runs, before it is Markdown, HTML or CSV: the verdict, the figures, the setup."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nemotui.core.bench import TimelinePoint
from nemotui.core.bench_table import comparison as beside_rows
from nemotui.core.bench_table import facts, latencies, totals
from nemotui.core.compare import FIGURES, Comparison, Figure
from nemotui.core.goodput import reasons
from nemotui.core.markdown import grid, inline
from nemotui.core.pareto import KEY, pareto
from nemotui.core.show import number
from nemotui.core.sweep import Swept, cells, head, knee, sweep_sentence

SHAPE: Final = (
    "input_len",
    "output_len",
    "num_prompts",
    "max_concurrency",
    "request_rate",
    "burstiness",
    "mode",
    "seed",
)
# Of a comparison: more figures than these hide the ones that matter; the CSV has all.
SHOWN: Final = tuple(name for name in FIGURES if not name.startswith(("p90", "p95")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """A finished run: what its directory holds."""

    name: str
    result: Mapping[str, Any]
    environment: Mapping[str, Any]
    timeline: Sequence[TimelinePoint]


def setup(run: ReportRun) -> list[tuple[str, str]]:
    """On what it was measured, a row a fact; what is not known is left out."""
    environment, result = run.environment, run.result
    machine = environment.get("machine") or {}
    container = environment.get("container") or {}
    rows: list[tuple[str, str | None]] = [
        ("model", result.get("model_id")),
        ("GPUs", _gpus(machine)),
        ("driver, CUDA", _pair(machine.get("driver_version"), machine.get("cuda_version"))),
        ("image", container.get("image")),
        ("server version", environment.get("server_version")),
        ("server flags", " ".join(map(str, container.get("args") or ())) or None),
        ("measured by", f"nemotui {environment.get('nemotui_version') or '(unknown version)'}"),
        ("date", result.get("date")),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _gpus(machine: Mapping[str, Any]) -> str | None:
    names = [str(gpu.get("name")) for gpu in machine.get("gpus") or ()]
    return ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names)) or None


def _pair(*values: Any) -> str | None:
    return ", ".join(str(value) for value in values if value) or None


def compared(comparison: Comparison, names: Iterable[str] = FIGURES) -> list[tuple[str, ...]]:
    """Rows of a comparison, the header first."""
    rows: list[tuple[str, ...]] = [("figure", "baseline", "run", "change", "noise", "verdict")]
    wanted = set(names)
    return rows + [compared_row(figure) for figure in comparison.figures if figure.name in wanted]


def compared_row(figure: Figure) -> tuple[str, ...]:
    """A figure as cells."""
    change = "n/a" if figure.change is None else f"{figure.change:+.1%}"
    margin = "n/a" if figure.noise is None else f"±{figure.noise:.1%}"
    return (figure.name, number(figure.a, digits=1), number(figure.b, digits=1), change, margin, figure.verdict)


def vllm_json(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result as `vllm bench serve --save-result` writes it, by its definitions."""
    kept = (
        "date",
        "endpoint_type",
        "label",
        "model_id",
        "num_prompts",
        "request_rate",
        "burstiness",
        "max_concurrency",
    )
    return {**{name: result.get(name) for name in kept}, **result["as_vllm"]}


def as_csv(runs: Sequence[ReportRun]) -> str:
    """A row a run, a column a figure."""
    out = io.StringIO()
    columns = ("run", "date", "model_id", *SHAPE, "completed", "failed", "duration", *FIGURES, "clock_trusted")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for run in runs:
        row = {**run.result, "run": run.name, "clock_trusted": (run.result.get("clock") or {}).get("trusted")}
        writer.writerow([_cell(row.get(column)) for column in columns])
    return out.getvalue()


def _cell(value: Any) -> Any:
    # A spreadsheet takes text that begins so for a formula.
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


def swept_rows(swept: Swept) -> list[tuple[str, ...]]:
    """The points of a sweep, the header first."""
    best = knee(swept.points)
    rows = [cells(point, "the knee" if point is best else "") for point in swept.points]
    return [head(whole=swept.whole), *rows]


def swept_reasons(swept: Swept) -> list[str]:
    """Why some of its points do not count."""
    return reasons([(point.load, point.fault) for point in swept.points], whole=swept.whole)


def markdown(runs: Sequence[ReportRun], comparisons: Sequence[Comparison], swept: Swept | None = None) -> str:
    """One document."""
    parts = ["# nemotui benchmark report"]
    if swept is not None:
        chart = pareto(swept.points, earlier=swept.earlier, published=swept.published, width=78, height=18)
        parts += ["## The sweep", f"**{inline(sweep_sentence(swept.points, whole=swept.whole))}**"]
        parts += ["\n".join(["```", *chart, KEY, "```"]), grid(swept_rows(swept))]
        parts += [f"- {inline(why)}" for why in swept_reasons(swept)]
    for comparison in comparisons:
        parts += [f"## {inline(comparison.b)} beside {inline(comparison.a)}", inline(comparison.sentence)]
        parts += [f"- {inline(caveat)}" for caveat in comparison.caveats]
        parts.append(grid(compared(comparison, SHOWN)))
    for run in runs:
        parts += [f"## {inline(run.name)}", f"**{inline(run.result['verdict'])}**", inline(totals(run.result))]
        parts += [grid(latencies(run.result)), grid(beside_rows(run.result)), grid([("", ""), *told(run)])]
    return "\n\n".join(parts) + "\n"


def told(run: ReportRun) -> list[tuple[str, str]]:
    """What to make of a run, and on what it was measured."""
    return [*facts(run.result), *setup(run)]
