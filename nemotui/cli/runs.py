"""`nemotui runs`: the stored benchmarks, newest first; label or delete one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nemotui.cli.agree import agreed, somebody_there
from nemotui.cli.backends import backends, pretend_runs
from nemotui.cli.output import Answer, table
from nemotui.cli.verb import Invocation, verb
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.show import number
from nemotui.core.stores import RunStore, StoredRun
from nemotui.core.sweep import at_once

_SHOWN = 50  # of a list that nobody asked to be longer
_FIGURES = ("output_throughput", "mean_ttft_ms", "mean_itl_ms", "completed", "failed", "duration", "complete")


@verb(
    example="nemotui runs --containing fp8",
    flags=(
        click.argument("run", required=False),
        click.option("--containing", metavar="TEXT", default="", help="Only those with this in name, label or model."),
        click.option("--limit", type=click.IntRange(1), default=_SHOWN, metavar="N", help=f"Default {_SHOWN}."),
        click.option("--label", metavar="TEXT", help="Give RUN this label."),
        click.option("--delete", is_flag=True, help="Delete RUN and all that it measured."),
        click.option("--yes", is_flag=True, help="Delete without asking."),
        click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are stored."),
    ),
)
async def runs(
    inv: Invocation,
    run: str | None,
    containing: str,
    limit: int,
    label: str | None,
    delete: bool,
    yes: bool,
    output: Path | None,
) -> Answer:
    """List the stored benchmarks; with RUN, label or delete one.

    RUN is a name, the beginning of one, a label (its newest run), a directory, or `latest`.
    """
    if (label is not None or delete) and run is None:
        raise UsageError("usage", "--label and --delete need a RUN", "Name one: nemotui runs RUN --label TEXT")
    if label is not None and delete:
        raise UsageError("usage", "--label and --delete exclude each other", "Leave out one of them.")
    async with backends(inv, runs_dir=output) as b:
        if run is None:
            found, left = await b.runs.listed(limit, containing)
            text = _table(found) if found else await _nothing(inv, containing)
            more = f"\n{left:,} older runs are not shown: --limit N" if left else ""
            return Answer({"runs": [run_json(one) for one in found], "not_shown": left}, text + more)
        one = await b.runs.find(run)
        if delete:
            return await _deleted(inv, b.runs, one, yes)
        if label is not None:
            one = await b.runs.label(one, label)
        return Answer({"runs": [run_json(one)], "not_shown": 0}, _table([one]))


async def _deleted(inv: Invocation, store: RunStore, run: StoredRun, yes: bool) -> Answer:
    if not yes:
        if not somebody_there(inv):
            raise UsageError("usage", f"{run.name} would be deleted for good", "Say --yes.")
        if not await agreed(inv, f"Delete {run.name} and all that it measured?"):
            raise FailedError("not_deleted", "nothing was deleted")
    await store.delete(run)
    return Answer({"deleted": run.name}, f"Deleted {run.name}")


def run_json(run: StoredRun) -> dict[str, Any]:
    """A run as a list tells it."""
    spec, result = run.spec, run.result or {}
    return {
        "name": run.name,
        "run": run.path,
        "status": run.status,
        "problem": run.problem,
        "label": spec.label if spec else None,
        "model_id": (spec.model if spec else None) or result.get("model_id"),
        "input_len": spec.input_len if spec else None,
        "output_len": spec.output_len if spec else None,
        "num_prompts": spec.num_prompts if spec else None,
        "max_concurrency": spec.max_concurrency if spec else None,
        "request_rate": (spec.request_rate or "inf") if spec else None,
        **{name: result.get(name) for name in _FIGURES},
        "clock_trusted": (result.get("clock") or {}).get("trusted"),
    }


def _table(found: Sequence[StoredRun]) -> str:
    rows: list[tuple[str, ...]] = [("run", "status", "shape", "at once", "tok/s", "TTFT ms", "ITL ms", "failed")]
    for run in found:
        result = run.result or {}
        doubt = "untrusted" if (result.get("clock") or {}).get("trusted") is False else run.status
        rows.append(
            (
                run.name,
                "incomplete" if result.get("complete") is False else doubt,
                f"{run.spec.input_len}/{run.spec.output_len}×{run.spec.num_prompts}" if run.spec else "n/a",
                at_once(run.spec) if run.spec else "n/a",
                number(result.get("output_throughput")),
                number(result.get("mean_ttft_ms")),
                number(result.get("mean_itl_ms"), digits=1),
                number(result.get("failed")),
            )
        )
    return table(rows, right=range(3, 8))


async def _nothing(inv: Invocation, containing: str) -> str:
    """That there is none; and where some are, of a pretend machine, that somebody may look for."""
    if containing:
        return f"No stored run has {containing!r} in its name, label or model."
    said = "No run is stored yet. Measure one: nemotui bench --preset quick"
    if inv.demo is None and await pretend_runs(inv):
        said += "\nThose of pretend machines are kept apart: nemotui runs --demo"
    return said
