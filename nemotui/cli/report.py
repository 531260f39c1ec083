"""`nemotui report`: one run, or several beside each other, as Markdown, HTML, CSV, or vLLM's own JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import msgspec

from nemotui.cli.backends import backends
from nemotui.cli.compare import compare_runs, result_of
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, verb
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.report import as_csv, markdown, vllm_json
from nemotui.core.report_html import html

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
            type=click.Choice(["markdown", "html", "csv", "vllm-json"]),
            help="Default: by the ending of FILE, else markdown.",
        ),
        click.option(
            "--file",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Write it there instead of standard output.",
        ),
        click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are stored."),
    ),
)
async def report(
    inv: Invocation, runs: tuple[str, ...], wanted: Format | None, file: Path | None, output: Path | None
) -> Answer:
    """Write a report of runs; of several, each beside the first, with their noise.

    The HTML page holds its charts and needs no network.
    """
    kind = wanted or (_BY_ENDING.get(file.suffix.lower()) if file else None) or "markdown"
    if kind == "vllm-json" and len(runs) > 1:
        raise UsageError("usage", "vllm-json holds one run", "Name one RUN, or another --format.")
    async with backends(inv, runs_dir=output) as b:
        stored = [await b.runs.find(name) for name in runs]
        reported = [await b.runs.report(run, await result_of(b, run)) for run in stored]
        comparisons = await compare_runs(b, runs) if len(runs) > 1 else []
    match kind:
        case "markdown":
            text = markdown(reported, comparisons)
        case "html":
            text = html(reported, comparisons)
        case "csv":
            text = as_csv(reported)
        case "vllm-json":
            text = msgspec.json.format(msgspec.json.encode(vllm_json(reported[0].result)), indent=2).decode() + "\n"
    if file is None:
        return Answer({"format": kind, "file": None, "text": text}, text.rstrip("\n"))
    _write(file, text)
    return Answer({"format": kind, "file": str(file), "text": None}, f"Wrote {file}")


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FailedError(
            "not_written", f"{file} cannot be written: {error.strerror}", "Name another --file."
        ) from None
