"""The lab: each prompt asked under several settings at once, every answer followed on its own, failures too.

Prompts follow one another; only the columns of one prompt run together, so that they are streamed side by side. Their
times are those of as many requests at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from nemotui.core.chat import Message, Reply, reply
from nemotui.core.errors import FailedError, NemotuiError, Problem
from nemotui.core.lab_prompts import LabPrompt
from nemotui.core.lab_setting import Setting
from nemotui.core.model_server import ModelServer
from nemotui.core.ports import Clock
from nemotui.core.word_diff import word_diff

PATIENCE_S: Final = 900.0  # without a word: queued, or thinking unseen, or hung; a batch shall not stand still for ever
MOST_CHARACTERS: Final = 4_000_000  # of one answer and its thinking: four times the longest context is no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one column has so far.

    `reply` None until the request went out; what was on the wire is kept of the newest row's, a batch has many. `notes`
    say what is odd about how it came. `over`: nothing more comes: it is complete, was stopped (no finish reason), or
    broken by `problem`; what had come by then is kept.
    """

    reply: Reply | None = None
    notes: tuple[str, ...] = ()
    over: bool = False
    problem: Problem | None = None

    def after(self, reply: Reply) -> Answer:
        """With more of the reply."""
        return replace(self, reply=reply, notes=reply.notes)

    def without_wire(self) -> Answer:
        """What went over the wire is let go: a batch has many."""
        return self if self.reply is None else replace(self, reply=self.reply.without_wire())

    @property
    def complete(self) -> bool:
        """The server said that it is finished."""
        return self.over and self.problem is None and self.reply is not None and self.reply.finish_reason is not None

    @property
    def thinking_tokens(self) -> int | None:
        """As the server counts them; None where it does not say."""
        usage = self.reply.usage if self.reply else None
        return usage.reasoning_tokens if usage else None

    @property
    def answer_tokens(self) -> int | None:
        """All others, the marks of the template among them; None where the server does not say."""
        return self.reply.answer_tokens if self.reply else None

    @property
    def e2el_s(self) -> float | None:
        """Seconds from sending to the last token so far."""
        if self.reply is None or self.reply.last_token_at is None:
            return None
        return self.reply.last_token_at - self.reply.sent_at

    def cost_usd(self, price_per_hour: float | None) -> float | None:
        """Dollars for the machine during these seconds, as if nobody else used it."""
        seconds = self.e2el_s
        return None if seconds is None or price_per_hour is None else seconds / 3600 * price_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One prompt, asked once under each setting. `differs`: each answer's share of other words than the first's.

    It is None for the first, for one that is not complete, and until all are over.
    """

    prompt: LabPrompt
    repetition: int
    answers: tuple[Answer, ...]
    differs: tuple[float | None, ...]

    @property
    def over(self) -> bool:
        """Nothing more comes."""
        return all(answer.over for answer in self.answers)

    def with_answer(self, column: int, answer: Answer) -> Row:
        """With one column further."""
        row = replace(self, answers=(*self.answers[:column], answer, *self.answers[column + 1 :]))
        return replace(row, differs=_differs(row.answers)) if row.over else row


def _differs(answers: Sequence[Answer]) -> tuple[float | None, ...]:
    first, *others = (answer.reply.content if answer.reply and answer.complete else None for answer in answers)
    shares = (None if first is None or other is None else word_diff(first, other).share for other in others)
    return (None, *shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabBegun:
    """It was asked for: each prompt `repeat` times under all settings."""

    model: str
    base_url: str
    settings: tuple[Setting, ...]
    prompts: tuple[LabPrompt, ...]
    repeat: int = 1

    @property
    def rows(self) -> int:
        """How many are to come in all."""
        return len(self.prompts) * self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBegun:
    """A prompt goes out under every setting."""

    prompt: LabPrompt
    repetition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a column of the newest row has by now."""

    column: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class LabOver:
    """No more rows come: all are there, it was stopped, or why it went no further."""

    problem: Problem | None = None


LabEvent = LabBegun | RowBegun | Answered | LabOver


@dataclass(frozen=True, slots=True, kw_only=True)
class LabState:
    """`begun` None: nothing was asked yet. Only the last row may be going on."""

    begun: LabBegun | None = None
    rows: tuple[Row, ...] = ()
    over: LabOver | None = None

    def after(self, event: LabEvent) -> LabState:
        """The state after one event."""
        match event:
            case LabBegun():
                return LabState(begun=event)
            case RowBegun() if self.begun is not None:
                columns = len(self.begun.settings)
                row = Row(
                    prompt=event.prompt,
                    repetition=event.repetition,
                    answers=(Answer(),) * columns,
                    differs=(None,) * columns,
                )
                old = (replace(row, answers=tuple(a.without_wire() for a in row.answers)) for row in self.rows[-1:])
                return replace(self, rows=(*self.rows[:-1], *old, row))
            case Answered() if self.rows and self.over is None:
                return self._last(self.rows[-1].with_answer(event.column, event.answer))
            case LabOver() if self.over is None:
                return replace(self._stopped(), over=event)
        return self  # a word of a lab that is no longer wanted

    def _stopped(self) -> LabState:
        """With what is still going on ended where it is."""
        if not self.rows or self.rows[-1].over:
            return self
        row = self.rows[-1]
        for column, answer in enumerate(row.answers):
            row = row.with_answer(column, replace(answer, over=True))
        return self._last(row)

    def _last(self, row: Row) -> LabState:
        return replace(self, rows=(*self.rows[:-1], row))

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The columns."""
        return self.begun.settings if self.begun else ()

    @property
    def going(self) -> bool:
        """Answers are awaited or written."""
        return self.begun is not None and self.over is None

    @property
    def failed(self) -> int:
        """Answers that were broken."""
        return sum(answer.problem is not None for row in self.rows for answer in row.answers)


async def lab(
    server: ModelServer,
    model: str,
    prompts: Sequence[LabPrompt],
    settings: Sequence[Setting],
    clock: Clock,
    *,
    repeat: int = 1,
) -> AsyncGenerator[LabEvent, None]:
    """Ask every prompt `repeat` times under all settings at once. What fails, fails its own column.

    It goes no further where no server answers any more. Leaving early ends the requests that are on their way.
    """
    yield LabBegun(
        model=model, base_url=server.base_url, settings=tuple(settings), prompts=tuple(prompts), repeat=repeat
    )
    for prompt in prompts:
        for repetition in range(1, repeat + 1):
            yield RowBegun(prompt=prompt, repetition=repetition)
            problems = []
            async with aclosing(_row(server, model, prompt, settings, clock)) as answers:
                async for event in answers:
                    yield event
                    if event.answer.over:
                        problems.append(event.answer.problem)
            gone = [problem for problem in problems if problem is not None and problem.kind == "no_server"]
            if len(gone) == len(settings):
                yield LabOver(gone[0])
                return
    yield LabOver()


async def _row(
    server: ModelServer, model: str, prompt: LabPrompt, settings: Sequence[Setting], clock: Clock
) -> AsyncGenerator[Answered, None]:
    """The answers of one prompt as they grow. A reader that is slow gets fewer steps: it never holds a stream up."""
    latest: dict[int, Answer] = {}
    news = asyncio.Event()

    async def follow(column: int, setting: Setting) -> None:
        answer = Answer()
        messages = [Message(role="user", content=prompt.prompt)]
        try:
            async with asyncio.timeout(PATIENCE_S) as limit:
                deltas = reply(server, model, messages, setting.mode, setting.sampling, clock)
                async with aclosing(deltas):
                    async for delta in deltas:
                        limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
                        answer = answer.after(delta.reply)
                        if len(delta.reply.content) + len(delta.reply.reasoning) > MOST_CHARACTERS:
                            raise FailedError("endless", f"the answer has over {MOST_CHARACTERS:,} characters")
                        latest[column] = answer
                        news.set()
            answer = replace(answer, over=True)
        except TimeoutError:
            what = f"nothing came for {PATIENCE_S:.0f} s"
            fix = "See `nemotui status` and `nemotui logs`: busy, or hung?"
            answer = replace(answer, over=True, problem=Problem("silent", what, fix))
        except NemotuiError as error:
            answer = replace(answer, over=True, problem=error.problem)
        latest[column] = answer
        news.set()

    tasks = [asyncio.create_task(follow(column, setting)) for column, setting in enumerate(settings)]
    try:
        left = set(range(len(settings)))
        while left:
            await news.wait()
            news.clear()
            for column, answer in sorted(latest.items(), key=lambda item: item[0]):
                del latest[column]
                yield Answered(column=column, answer=answer)
                if answer.over:
                    left.discard(column)
            for task in tasks:
                if task.done():
                    task.result()  # a defect of ours is no answer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
