"""The lab's comparison: figures of an answer, or their means; as a table's cells, in sentences, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from nemotui.core.chat import Reply
from nemotui.core.lab import Answer, LabState, Row
from nemotui.core.show import number

HEAD: Final = (
    *("SETTING", "THOUGHT", "ANSWER", "TTFT ms", "TTFA ms", "ITL ms", "TOK/S", "E2EL s", "COST $", "DIFF", "END"),
)
COST_MEANS: Final = (
    "COST is the reply's seconds at the machine's price, as if nobody else used the machine: the most that it can have"
    " cost, since what runs at once shares it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one answer, or the means over several complete ones; None is what nobody knows. `differs` is 0..1.

    `about`: token counts are those of stream chunks, until the server's own come. `end`: finish reason, or what
    happened in its place.
    """

    setting: str
    thinking_tokens: float | None
    answer_tokens: float | None
    ttft_ms: float | None
    ttfa_ms: float | None
    mean_itl_ms: float | None
    tokens_per_second: float | None
    e2el_s: float | None
    cost_usd: float | None
    differs: float | None
    about: bool
    end: str


def row_figures(row: Row, settings: Sequence[str], price_per_hour: float | None) -> list[Figures]:
    """One a column."""
    return [
        _figures(name, answer, differs, price_per_hour)
        for name, answer, differs in zip(settings, row.answers, row.differs, strict=True)
    ]


def _figures(setting: str, answer: Answer, differs: float | None, price_per_hour: float | None) -> Figures:
    said = answer.reply
    # Until the usage has come a chunk counts as a token, which it nearly always is.
    about = said is not None and said.usage is None and said.begun
    chunks = (said.thinking_chunks, said.token_chunks - said.thinking_chunks) if said and about else None
    return Figures(
        setting=setting,
        thinking_tokens=chunks[0] if chunks else answer.thinking_tokens,
        answer_tokens=chunks[1] if chunks else answer.answer_tokens,
        ttft_ms=said.ttft_ms if said else None,
        ttfa_ms=said.ttfa_ms if said else None,
        mean_itl_ms=said.mean_itl_ms if said else None,
        tokens_per_second=said.tokens_per_second if said else None,
        e2el_s=answer.e2el_s,
        cost_usd=answer.cost_usd(price_per_hour),
        differs=differs,
        about=about,
        end=_end(answer),
    )


def _end(answer: Answer) -> str:
    if answer.problem is not None:
        return answer.problem.kind.replace("_", " ")
    if answer.reply is not None and answer.reply.finish_reason is not None:
        return answer.reply.finish_reason
    if answer.over:
        return "stopped"
    return "waits" if answer.reply is None or answer.reply.first_token_at is None else "…"


def means(rows: Iterable[Row], settings: Sequence[str], price_per_hour: float | None) -> list[Figures]:
    """One a column: the means over the complete answers; a figure that some of them lack is the mean of the others.

    Tokens a second are all tokens over all seconds: a short answer's own rate says nothing.
    """
    rows = list(rows)
    found = []
    for column, name in enumerate(settings):
        answers = [(row.answers[column], row.differs[column]) for row in rows]
        each = [_figures(name, answer, differs, price_per_hour) for answer, differs in answers if answer.complete]
        failed = sum(answer.problem is not None for answer, _ in answers)

        def mean(figure: Callable[[Figures], float | None], each: Sequence[Figures] = each) -> float | None:
            known = [value for value in map(figure, each) if value is not None]
            return sum(known) / len(known) if known else None

        found.append(
            Figures(
                setting=name,
                thinking_tokens=mean(lambda f: f.thinking_tokens),
                answer_tokens=mean(lambda f: f.answer_tokens),
                ttft_ms=mean(lambda f: f.ttft_ms),
                ttfa_ms=mean(lambda f: f.ttfa_ms),
                mean_itl_ms=mean(lambda f: f.mean_itl_ms),
                tokens_per_second=_rate(answer for answer, _ in answers if answer.complete),
                e2el_s=mean(lambda f: f.e2el_s),
                cost_usd=mean(lambda f: f.cost_usd),
                differs=mean(lambda f: f.differs),
                about=any(f.about for f in each),
                end=f"{len(each)} ok" + (f", {failed} failed" if failed else ""),
            )
        )
    return found


def _rate(answers: Iterable[Answer]) -> float | None:
    tokens, seconds = 0, 0.0
    for answer in answers:
        said = answer.reply
        if said and said.usage and said.first_token_at is not None and said.last_token_at is not None:
            tokens += said.usage.completion_tokens - 1
            seconds += said.last_token_at - said.first_token_at
    return tokens / seconds if seconds > 0 else None


def cells(figures: Figures) -> tuple[str, ...]:
    """A row below `HEAD`; what is only about so many has a tilde."""
    about = "~" if figures.about else ""
    return (
        figures.setting,
        about + number(figures.thinking_tokens),
        about + number(figures.answer_tokens),
        number(figures.ttft_ms),
        number(figures.ttfa_ms),
        number(figures.mean_itl_ms, digits=1),
        number(figures.tokens_per_second),
        number(figures.e2el_s, digits=2),
        number(figures.cost_usd, digits=5),
        "" if figures.differs is None else f"{max(0.01, figures.differs):.0%}" if figures.differs else "0%",
        figures.end,
    )


def table(figures: Sequence[Figures], *, width: int | None = None) -> list[tuple[str, ...]]:
    """Head and rows. Columns that say nothing are left out; with a `width` also the least telling, until it fits."""
    rows = [HEAD, *map(cells, figures)]
    kept = [name for name in HEAD if any(row[HEAD.index(name)] not in ("", "n/a") for row in rows[1:])]
    if all(f.end == "stop" for f in figures):
        kept.remove("END")
    for dropped in ("ITL ms", "TTFT ms", "TOK/S", "COST $", "END", "TTFA ms"):
        if width is None or _width(rows, kept) <= width:
            break
        if dropped in kept:
            kept.remove(dropped)
    return [tuple(row[HEAD.index(name)] for name in kept) for row in rows]


def _width(rows: Sequence[tuple[str, ...]], kept: Sequence[str]) -> int:
    return sum(max(len(row[HEAD.index(name)]) for row in rows) + 2 for name in kept) - 2


_BESIDE: Final[tuple[tuple[str, Callable[[Figures], float | None]], ...]] = (
    ("thinking tokens", lambda f: f.thinking_tokens),
    ("answer tokens", lambda f: f.answer_tokens),
    ("time to the answer", lambda f: f.ttfa_ms),
    ("time", lambda f: f.e2el_s),
)


def sentences(figures: Sequence[Figures]) -> Iterator[str]:
    """Each column beside the first, which is what they are measured by."""
    first, *others = figures
    for other in others:
        parts = [
            f"{name} {_change(a, b)}"
            for name, figure in _BESIDE
            if (a := figure(first)) and (b := figure(other)) is not None
        ]
        if other.differs is not None:
            share = max(0.01, other.differs)
            parts.append(f"{share:.0%} of the words differ" if other.differs else "the same words")
        if parts:
            yield f"{other.setting} beside {first.setting}: {', '.join(parts)}"


def _change(before: float, after: float) -> str:
    change = round(after / before - 1, 2)
    return f"{change:+.0%}" if change else "the same"


def document(state: LabState, *, price_per_hour: float | None, time_scale: float = 1.0) -> dict[str, Any]:
    """All of it, as `nemotui lab --json` prints it. Times in ms, money in dollars, unknown is None."""
    names = [setting.name for setting in state.settings]
    return {
        "model": state.begun.model if state.begun else None,
        "base_url": state.begun.base_url if state.begun else None,
        "settings": names,
        "at_once": len(names),
        "price_per_hour_usd": price_per_hour,
        "time_scale": time_scale,
        "complete": state.begun is not None and len(state.rows) == state.begun.rows and all(r.over for r in state.rows),
        "failed": state.failed,
        "rows": [
            {
                "name": row.prompt.name,
                "prompt": row.prompt.prompt,
                "shows": row.prompt.shows or None,
                "repetition": row.repetition,
                "answers": [
                    _answer_json(name, answer, differs, price_per_hour)
                    for name, answer, differs in zip(names, row.answers, row.differs, strict=True)
                ],
            }
            for row in state.rows
        ],
        "means": [_means_json(figures) for figures in means(state.rows, names, price_per_hour)],
    }


def _answer_json(setting: str, answer: Answer, differs: float | None, price_per_hour: float | None) -> dict[str, Any]:
    said = answer.reply or Reply(mode="full", sent_at=0.0)
    figures: Mapping[str, Any] = {name: value for name, value in said.as_json().items() if name != "mode"}
    seconds = answer.e2el_s
    return {
        "setting": setting,
        "status": "ok" if answer.complete else "failed" if answer.problem else "stopped",
        **figures,
        "thinking_tokens": answer.thinking_tokens,
        "answer_tokens": answer.answer_tokens,
        "e2el_ms": None if seconds is None else seconds * 1e3,
        "cost_usd": answer.cost_usd(price_per_hour),
        "differs": differs,
        "notes": list(answer.notes),
        "error": asdict(answer.problem) if answer.problem else None,
    }


def _means_json(figures: Figures) -> dict[str, Any]:
    return {
        "setting": figures.setting,
        "answers": figures.end,
        "thinking_tokens": figures.thinking_tokens,
        "answer_tokens": figures.answer_tokens,
        "ttft_ms": figures.ttft_ms,
        "ttfa_ms": figures.ttfa_ms,
        "mean_itl_ms": figures.mean_itl_ms,
        "tokens_per_second": figures.tokens_per_second,
        "e2el_ms": None if figures.e2el_s is None else figures.e2el_s * 1e3,
        "cost_usd": figures.cost_usd,
        "differs": figures.differs,
    }
