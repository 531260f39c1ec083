"""`nemotui logs`: what a container of ours writes, followed, filtered, or saved as it is."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nemotui.cli.backends import backends, deployed, start_pretend
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, verb
from nemotui.core.log_filter import LogFilter, Selection, parse_level
from nemotui.core.logs import LEVELS, LogLine

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Ago(click.ParamType[float]):
    """A time that has gone by: `90s`, `10m`, `2h`, `1d`; seconds."""

    name = "10m"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", str(value).strip())
        if match is None:
            self.fail(f"{value!r}: give a time such as 90s, 10m, 2h or 1d", param, ctx)
        return float(match[1]) * _UNITS[match[2] or "s"]


@verb(
    example="nemotui logs -f --grep 'error !\"GET /\"' --since 10m",
    lines=True,
    flags=(
        click.option("-f", "--follow", is_flag=True, help="Go on until the container ends or Ctrl+C."),
        click.option("--tail", type=click.IntRange(1, 1_000_000), metavar="N", help="Only the last N lines."),
        click.option("--since", type=Ago(), help="Only lines of the last 90s, 10m, 2h, 1d."),
        click.option(
            "--grep", metavar="TERMS", help="Only lines with all these terms; !TERM: without it; quotes keep spaces."
        ),
        click.option("--level", metavar="|".join(LEVELS), help="Only lines of this level or a graver one."),
        click.option("-C", "--context", type=click.IntRange(0, 1000), default=0, help="Lines around each found one."),
        click.option("--no-routine", is_flag=True, help="Without the engine's periodic figures and polls of it."),
        click.option("-t", "--timestamps", is_flag=True, help="The engine's time before each line."),
        click.option(
            "--save", type=click.Path(path_type=Path, dir_okay=False), help="Write the whole log here, byte for byte."
        ),
        click.option("--name", metavar="NAME", help="Which container (default: the newest of ours)."),
    ),
)
async def logs(
    inv: Invocation,
    follow: bool,
    tail: int | None,
    since: float | None,
    grep: str | None,
    level: str | None,
    context: int,
    no_routine: bool,
    timestamps: bool,
    save: Path | None,
    name: str | None,
) -> Answer:
    """The log of a container of ours.

    With --json one document, or with -f a line of JSON for each line of the log.
    """
    inv.out.lines = follow
    shown = LogFilter(routine=not no_routine).typed(grep or "")
    if level is not None:
        shown = shown.typed(f"level:{parse_level(level)} {shown.text}")  # first: a quote may be left open
    async with backends(inv, start_s=0.5) as b:
        if inv.demo is not None:
            await start_pretend(inv, b)
        container = await deployed(b.runtime, name)
        if save is not None:
            from nemotui.adapters.log_files import write_whole

            size = await write_whole(save, b.runtime.raw_log(container.id))
            document = {"container": container.name, "path": str(save), "size_bytes": size}
            return Answer(document, f"{size:,} bytes of {container.name}'s log are in {save}.")
        begin = None if since is None else b.clock.now() - since
        selection: Selection[LogLine] = Selection(replace(shown, since=begin), context)
        count, kept = 0, []
        async with aclosing(b.runtime.logs(container.id, follow=follow, tail=tail, since=begin)) as batches:
            async for batch in batches:
                for line in (found for read in batch for found in selection.take(read, read)):
                    count += 1
                    if not inv.as_json:
                        inv.out.say(f"{_time(line)} {line.text}" if timestamps else line.text)
                    elif follow:
                        inv.out.event("line", asdict(line))
                    else:
                        kept.append(asdict(line))
    return Answer({"container": container.name, "count": count, **({} if follow else {"lines": kept})})


def _time(line: LogLine) -> str:
    """As the engine writes it, in UTC."""
    if line.time is None:
        return "-" * 24
    return datetime.fromtimestamp(line.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
