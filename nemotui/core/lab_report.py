"""A lab as text: its tables, and the answers with their differences marked; the same for people at a terminal and as
Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nemotui.core.lab import Answer, LabState, Row
from nemotui.core.lab_table import COST_MEANS, means, row_figures, sentences, table
from nemotui.core.markdown import fenced, grid, inline
from nemotui.core.word_diff import WordDiff, word_diff


def difference(first: Answer, other: Answer) -> WordDiff | None:
    """How the other answer differs; None where one of them is not complete."""
    if not (first.complete and other.complete and first.reply and other.reply):
        return None
    return word_diff(first.reply.content, other.reply.content)


def caption(state: LabState, *, time_scale: float, price_per_hour: float | None) -> str:
    """How the figures have to be read."""
    parts = [f"Times are those of {len(state.settings)} requests at once." if len(state.settings) > 1 else ""]
    parts.append(
        "DIFF is the share of words that stand in this answer or the first alone." if state.settings[1:] else ""
    )
    parts.append(COST_MEANS if price_per_hour is not None else "")
    parts.append(f"Time ran {time_scale:g} times faster: the figures measure nothing." if time_scale != 1 else "")
    return " ".join(filter(None, parts))


def as_markdown(state: LabState, *, price_per_hour: float | None, time_scale: float) -> str:
    """All of it, to be read elsewhere."""
    return "\n\n".join(_markdown(state, price_per_hour, time_scale)) + "\n"


def _markdown(state: LabState, price_per_hour: float | None, time_scale: float) -> Iterator[str]:
    names = [setting.name for setting in state.settings]
    yield f"# Lab: {inline(state.begun.model) if state.begun else 'nothing was asked'}"
    if not state.rows:
        return
    yield caption(state, time_scale=time_scale, price_per_hour=price_per_hour)
    if len(state.rows) > 1:
        yield f"## Means of {len(state.rows)} rows\n\n{grid(table(means(state.rows, names, price_per_hour)))}"
    for row in state.rows:
        again = f", {row.repetition}" if row.repetition > 1 else ""
        figures = row_figures(row, names, price_per_hour)
        yield f"## {inline(row.prompt.name)}{again}\n\n{fenced(row.prompt.prompt)}"
        yield "\n\n".join([grid(table(figures)), *(f"- {sentence}" for sentence in sentences(figures))])
        yield from _answers(row, names)


def _answers(row: Row, names: Sequence[str]) -> Iterator[str]:
    for name, answer in zip(names, row.answers, strict=True):
        parts = [f"### {name}"]
        if answer.problem is not None:
            parts.append(inline(str(answer.problem)))
        if answer.reply is not None and answer.reply.reasoning:
            parts.append(f"Thinking:\n\n{fenced(answer.reply.reasoning)}")
        if answer.reply is not None and answer.reply.content:
            parts.append(f"Answer:\n\n{fenced(answer.reply.content)}")
        diff = None if answer is row.answers[0] else difference(row.answers[0], answer)
        if diff is not None:
            parts.append(f"Beside {names[0]}: {diff.sentence}")
            parts += [fenced(diff.marked)] if diff.telling else []
        yield "\n\n".join(parts)
