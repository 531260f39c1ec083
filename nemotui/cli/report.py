"""`nemotui report`: one run, or several beside each other, as Markdown, HTML, CSV, or vLLM's own JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import click
import msgspec

from nemotui.cli.backends import backends
from nemotui.cli.compare import compare_runs
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, verb
from nemotui.core.comparing import result_of, swept
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.merge import merge
from nemotui.core.report import ReportRun, as_csv, markdown, vllm_json
from nemotui.core.report_html import html
from nemotui.core.sweep import Swept
from nemotui.core.verdict import verdict
from nemotui.whole_file import whole_file

Format = Literal["markdown", "html", "csv", "vllm-json"]
_BY_ENDING: dict[str, Format] = {
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
    ".csv": "csv",
    ".json": "vllm-json",
}


@verb(
    example="nemotui report before after --file report.html",
    flags=(
        click.argument("runs", nargs=-1, required=True, metavar="RUN…"),
        click.option(
            "--format",
            "wanted",
            type=click.Choice(get_args(Format)),
            help="Default: by the ending of FILE, else markdown.",
        ),
        click.option(
            "--file",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Write it there instead of standard output.",
        ),
        click.option(
            "--merge", "merging", is_flag=True, help="The runs are clients of one server at one time: make them one."
        ),
        click.option("--sweep", "whole", is_flag=True, help="All runs of the sweep that RUN belongs to, as one."),
        click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are stored."),
    ),
)
async def report(
    inv: Invocation,
    runs: tuple[str, ...],
    wanted: Format | None,
    file: Path | None,
    merging: bool,
    whole: bool,
    output: Path | None,
) -> Answer:
    """Write a report of runs, or of a whole sweep.

    Of several, each stands beside the first, with their noise. The HTML page holds its charts and needs no network.
    """
    kind = wanted or (_BY_ENDING.get(file.suffix.lower()) if file else None) or "markdown"
    if merging and len(runs) < 2:
        raise UsageError("usage", "--merge needs two runs or more", "Name the run of each client.")
    if whole and (merging or len(runs) > 1):
        raise UsageError("usage", "--sweep takes one RUN, which says the others", "Name one, and leave out --merge.")
    if kind == "vllm-json" and (len(runs) > 1 or whole) and not merging:
        raise UsageError("usage", "vllm-json holds one run", "Name one RUN, or another --format.")
    async with backends(inv, runs_dir=output) as b:
        stored = [await b.runs.find(name) for name in runs]
        if merging and len({run.path for run in stored}) < len(stored):
            raise UsageError(
                "usage", "--merge counts each run once", "Name the run of each client, none of them twice."
            )
        sweep: Swept | None = None
        if whole:
            reported, sweep = await swept(b, stored[0])
        else:
            reported = [await b.runs.report(run, await result_of(b, run)) for run in stored]
        if merging:
            parts = [await b.runs.part(run, one.result) for run, one in zip(stored, reported, strict=True)]
            reported.insert(0, _merged(merge(parts)))
        comparisons = await compare_runs(b, runs) if len(runs) > 1 and not merging else []
    match kind:
        case "markdown":
            text = markdown(reported, comparisons, sweep)
        case "html":
            text = html(reported, comparisons, sweep)
        case "csv":
            text = as_csv(reported)
        case "vllm-json":
            text = msgspec.json.format(msgspec.json.encode(vllm_json(reported[0].result)), indent=2).decode() + "\n"
    document = {"format": kind, "file": str(file) if file else None, "merged": reported[0].result if merging else None}
    if file is None:
        return Answer({**document, "text": text}, text.rstrip("\n"))
    _write(file, text)
    return Answer({**document, "text": None}, f"Wrote {file}")


def _merged(result: Mapping[str, Any]) -> ReportRun:
    """The merged result as a report shows it: without what belongs to one client's run alone."""
    alone = dict.fromkeys(("published", "vllm_bench", "energy", "cost", "server_side"))
    whole = {**result, **alone}
    return ReportRun(
        name=f"{len(result['merged'])} clients together",
        result={**whole, "verdict": verdict(whole)},
        environment={},
        timeline=(),
    )


def _write(file: Path, text: str) -> None:
    try:
        with whole_file(file) as whole:
            whole.write(text.encode())
    except OSError as error:
        raise FailedError(
            "not_written", f"{file} cannot be written: {error.strerror}", "Name another --file."
        ) from None
