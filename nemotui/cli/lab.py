"""`nemotui lab`: prompts under several settings side by side; the comparison as a table and JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing

import click

from nemotui.cli.backends import serving
from nemotui.cli.output import Answer, Output, table, wrapped
from nemotui.cli.verb import Invocation, argument_text, server_flags, verb
from nemotui.core.errors import Problem, UsageError
from nemotui.core.lab import Answered, LabBegun, LabEvent, LabOver, LabState, Row, RowBegun
from nemotui.core.lab import lab as asking
from nemotui.core.lab_prompts import LabPrompt, typed
from nemotui.core.lab_report import as_markdown, caption, difference
from nemotui.core.lab_setting import parse_settings
from nemotui.core.lab_table import Figures, document, means, row_figures, sentences
from nemotui.core.lab_table import table as cells
from nemotui.core.show import number

BUILTIN = "builtin"
_ANSWER = 4000  # characters of an answer on a terminal; JSON and Markdown have it whole


@verb(
    example='nemotui lab --settings full --settings off,temperature=0 "What is 17 * 23?"',
    empty={"rows": [], "means": []},
    flags=(
        click.argument("prompt", required=False),
        click.option(
            "--settings",
            "-s",
            "words",
            multiple=True,
            metavar="SETTINGS",
            help="A column: full, low or off, then by commas temperature=, top_p=, max_tokens=, seed=, budget= (of"
            " thinking tokens). Once for each column (default full, low and off).",
        ),
        click.option(
            "--prompts",
            metavar="FILE|builtin",
            help='One prompt a line, or JSON Lines {"prompt": …, "name": …}; builtin (the default): those that ship.',
        ),
        click.option("--repeat", type=click.IntRange(1, 100), default=1, metavar="N", help="Ask each so many times."),
        click.option("--save", is_flag=True, help="Keep it as JSON and Markdown in the state directory."),
        server_flags,
    ),
)
async def lab(
    inv: Invocation, prompt: str | None, words: Sequence[str], prompts: str | None, repeat: int, save: bool, **_: object
) -> Answer:
    """Ask the same under several settings at once, and compare.

    Tokens, times, cost, the answers' words. Exit 1 when an answer fails; the others are there all the same.
    """
    if prompt is not None and prompts is not None:
        raise UsageError("usage", "PROMPT and --prompts name two things to ask", "Leave out one of them.")
    settings = parse_settings(words)
    asked = await _given(prompt, prompts)
    price = inv.settings.price_per_hour if inv.speed == 1 else None
    state = LabState()
    stopped = path = None
    async with serving(inv) as (b, server, model):
        asked = asked or b.catalog.prompts
        try:
            async with aclosing(asking(server, model, asked, settings, b.clock, repeat=repeat)) as events:
                async for event in events:
                    state = state.after(event)
                    _tell(inv.out, state, event, repeat, price)
        except asyncio.CancelledError:  # Ctrl+C: what came is the answer
            state = state.after(LabOver())
            stopped = Problem("interrupted", "interrupted", "What had come by then is in the document.")
        found = document(state, price_per_hour=price, time_scale=inv.speed)
        if save and b.lab is not None:
            text = as_markdown(state, price_per_hour=price, time_scale=inv.speed)
            path = await b.lab.save(asked[0].name if len(asked) == 1 else f"{len(asked)} prompts", found, text)
            inv.out.note(f"kept: {path}")
    code, error = (130, stopped) if stopped else _ending(state)
    text = "" if inv.as_json else "\n".join(_summary(state, price, inv.speed))
    return Answer({**found, "saved": path}, text, exit_code=code, error=error)


async def _given(prompt: str | None, prompts: str | None) -> Sequence[LabPrompt]:
    """What was asked for; none: those that ship."""
    if prompt is not None:
        return (typed(argument_text(prompt)),)
    if prompts is None or prompts == BUILTIN:
        return ()
    from nemotui.adapters.lab_files import read_prompts

    return await read_prompts(prompts)


def _ending(state: LabState) -> tuple[int, Problem | None]:
    """Exit code and error of one that was not interrupted."""
    if state.over is not None and state.over.problem is not None:
        return 3, state.over.problem
    problems = [answer.problem for row in state.rows for answer in row.answers if answer.problem is not None]
    if not problems:
        return 0, None
    answers = sum(len(row.answers) for row in state.rows)
    what = f"{len(problems)} of {answers} answers failed: {problems[0].message}"
    return 1, Problem("answers_failed", what, problems[0].fix)


def _tell(out: Output, state: LabState, event: LabEvent, repeat: int, price: float | None) -> None:
    """What is going on; a prompt's table when all of its answers are there."""
    if isinstance(event, LabBegun):
        out.say(f"{event.model} at {event.base_url}")
    if not state.rows or state.begun is None:
        return
    row, names = state.rows[-1], [setting.name for setting in state.settings]
    if isinstance(event, Answered) and row.over and row.repetition == repeat:
        out.say("\n" + _head(row) + "\n" + _grid(means_or_row(state.rows[-repeat:], names, price)))
    elif isinstance(event, Answered | RowBegun):
        figures = row_figures(row, names, price)
        now = ", ".join(f"{f.setting} {f.end} {number(f.thinking_tokens)}+{number(f.answer_tokens)}" for f in figures)
        out.progress(f"{len(state.rows)} of {state.begun.rows} · {row.prompt.name} · {now}")


def means_or_row(rows: Sequence[Row], names: Sequence[str], price: float | None) -> list[Figures]:
    """The figures of one row, or the means of several."""
    return row_figures(rows[0], names, price) if len(rows) == 1 else means(rows, names, price)


def _head(row: Row) -> str:
    return wrapped(f"{row.prompt.name}: {row.prompt.shows}" if row.prompt.shows else row.prompt.name)


def _grid(figures: Sequence[Figures]) -> str:
    rows = cells(figures)
    return table(rows, right=[i for i, name in enumerate(rows[0]) if name not in ("SETTING", "END")])


def _summary(state: LabState, price: float | None, speed: float) -> Iterator[str]:
    """What stands below the tables."""
    names = [setting.name for setting in state.settings]
    rows = state.rows
    if not rows:
        return
    if len({row.prompt for row in rows}) > 1:
        yield f"\nmeans of {len(rows)}\n{_grid(means(rows, names, price))}"
    yield from (wrapped(sentence) for sentence in sentences(means_or_row(rows, names, price)))
    yield from (
        wrapped(f"{row.prompt.name}, {name}: {answer.problem}")
        for row in rows
        for name, answer in zip(names, row.answers, strict=True)
        if answer.problem is not None
    )
    if told := caption(state, time_scale=speed, price_per_hour=price):
        yield wrapped(told)
    if len({row.prompt for row in rows}) == 1:
        yield from _answers(rows[0], names)


def _answers(row: Row, names: Sequence[str]) -> Iterator[str]:
    """The answers of one prompt, the first whole and the others by their differences."""
    first = row.answers[0]
    for name, answer in zip(names, row.answers, strict=True):
        said = answer.reply.content if answer.reply else ""
        diff = None if answer is first else difference(first, answer)
        yield f"\n-- {name}{f', beside {names[0]}: {diff.sentence}' if diff else ''} --"
        text = diff.marked if diff and diff.telling else said or "no answer"
        if diff is None or diff.share:
            yield text if len(text) <= _ANSWER else f"{text[:_ANSWER]}\n… {len(text) - _ANSWER:,} characters more"
