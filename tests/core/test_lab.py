"""The lab as a use case: columns at once, failures apart, what is stopped is kept; and what is made of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from nemotui.core import lab as lab_module
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError
from nemotui.core.lab import Answered, LabBegun, LabOver, LabState, RowBegun, lab
from nemotui.core.lab_prompts import LabPrompt
from nemotui.core.lab_setting import parse_settings
from nemotui.core.lab_table import document, means, row_figures, sentences, table
from nemotui.core.model_server import ChatChunk, Usage
from tests.core.scripted import Clock, Server

pytestmark = pytest.mark.anyio

ONE, TWO = LabPrompt(name="one", prompt="first"), LabPrompt(name="two", prompt="second")
THREE = parse_settings(())


class Modes(Server):
    """Answers by the mode that a body asks for; a column's chunks wait until all columns have begun."""

    def __init__(self, columns: int, said: Mapping[str, Sequence[ChatChunk | NemotuiError]]) -> None:
        super().__init__()
        self.said = said
        self.columns, self.began, self.ended = columns, 0, 0
        self.all_began = asyncio.Event()

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        self.bodies.append(body)
        kwargs = body["chat_template_kwargs"]
        mode = "off" if not kwargs["enable_thinking"] else "low" if kwargs.get("low_effort") else "full"
        self.began += 1
        if self.began % self.columns == 0:
            self.all_began.set()
        await self.all_began.wait()
        try:
            for chunk in self.said[mode]:
                if isinstance(chunk, NemotuiError):
                    raise chunk
                yield chunk
                await asyncio.sleep(0)
            if not self.said[mode]:
                await asyncio.Event().wait()
        finally:
            self.ended += 1


def said(content: str, thought: int, *, at: float = 1000.0) -> list[ChatChunk | NemotuiError]:
    """A reply: a chunk of thinking and of content every 0.1 s from `at` on, sent at 1000.0."""
    chunks: list[ChatChunk | NemotuiError] = []
    for word in ["hm "] * thought:
        at += 0.1
        chunks.append(ChatChunk(at=at, reasoning=word))
    words = content.split(" ")
    for word in words:
        at += 0.1
        chunks.append(ChatChunk(at=at, content=word + " "))
    usage = Usage(prompt_tokens=5, completion_tokens=thought + len(words) + 1, reasoning_tokens=thought)
    return [*chunks, ChatChunk(at=at, finish_reason="stop"), ChatChunk(at=at, usage=usage)]


ANSWERS = {"full": said("it is 391", 10), "low": said("it is 391", 4), "off": said("it is 381", 0)}


async def ended(server: Modes, *prompts: LabPrompt, repeat: int = 1) -> LabState:
    state = LabState()
    async with aclosing(lab(server, "m", prompts, THREE, Clock(), repeat=repeat)) as events:
        async for event in events:
            state = state.after(event)
    return state


async def test_a_prompt_goes_out_under_every_setting_before_any_answer_comes() -> None:
    server = Modes(3, ANSWERS)
    state = await ended(server, ONE)
    assert [body["messages"] for body in server.bodies] == [[{"role": "user", "content": "first"}]] * 3
    (row,) = state.rows
    assert [a.reply.content.strip() for a in row.answers if a.reply] == ["it is 391", "it is 391", "it is 381"]
    assert [a.thinking_tokens for a in row.answers] == [10, 4, 0]
    assert [a.answer_tokens for a in row.answers] == [4, 4, 4]
    assert row.differs == pytest.approx((None, 0, 1 / 3))
    assert all(a.complete for a in row.answers)
    assert (state.going, state.failed, state.over) == (False, 0, LabOver())


async def test_prompts_and_repetitions_follow_one_another() -> None:
    state = await ended(Modes(3, ANSWERS), ONE, TWO, repeat=2)
    assert [(row.prompt.name, row.repetition) for row in state.rows] == [("one", 1), ("one", 2), ("two", 1), ("two", 2)]
    assert state.begun is not None
    assert state.begun.rows == 4


async def test_a_broken_answer_is_its_own_and_what_came_of_it_is_kept() -> None:
    broken = [*said("half of", 0)[:1], FailedError("connection_lost", "it broke")]
    state = await ended(Modes(3, {**ANSWERS, "low": broken}), ONE)
    full, low, off = state.rows[0].answers
    assert (full.complete, off.complete, low.complete) == (True, True, False)
    assert low.problem is not None
    assert low.problem.kind == "connection_lost"
    assert low.reply is not None
    assert low.reply.content == "half "
    assert state.failed == 1
    assert state.rows[0].differs == pytest.approx((None, None, 1 / 3))


async def test_where_no_server_answers_any_more_no_further_prompt_is_asked() -> None:
    gone = [NothingThereError("no_server", "nobody there")]
    server = Modes(3, {"full": gone, "low": gone, "off": gone})
    state = await ended(server, ONE, TWO)
    assert len(state.rows) == 1
    assert state.over is not None
    assert state.over.problem is not None
    assert state.over.problem.kind == "no_server"
    assert len(server.bodies) == 3


async def test_one_that_stays_silent_does_not_hold_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "PATIENCE_S", 0.05)
    state = await ended(Modes(3, {**ANSWERS, "full": []}), ONE)
    full, low, _ = state.rows[0].answers
    assert full.problem is not None
    assert full.problem.kind == "silent"
    assert low.complete


async def test_an_answer_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "MOST_CHARACTERS", 50)
    state = await ended(Modes(3, {**ANSWERS, "off": said("on " * 50, 0)}), ONE)
    assert state.rows[0].answers[2].problem is not None
    assert state.rows[0].answers[2].problem.kind == "endless"


async def test_leaving_early_ends_the_requests_and_keeps_what_came() -> None:
    server = Modes(3, {**ANSWERS, "full": []})
    state = LabState()
    async with aclosing(lab(server, "m", [ONE, TWO], THREE, Clock())) as events:
        async for event in events:
            state = state.after(event)
            if state.rows and state.rows[0].answers[1].over and state.rows[0].answers[2].over:
                break
    assert server.ended == 3
    state = state.after(LabOver())
    full, low, _ = state.rows[0].answers
    assert (full.over, full.complete, low.complete) == (True, False, True)
    late = state.after(Answered(column=0, answer=low))
    assert late == state


async def test_the_table_says_the_figures_and_leaves_out_what_nobody_knows() -> None:
    state = await ended(Modes(3, ANSWERS), ONE)
    names = [setting.name for setting in THREE]
    figures = row_figures(state.rows[0], names, 36.0)
    head, full, _, off = table(figures)
    assert head == (
        *("SETTING", "THOUGHT", "ANSWER", "TTFT ms", "TTFA ms", "ITL ms", "TOK/S", "E2EL s", "COST $", "DIFF"),
    )
    assert full == ("full", "10", "4", "100", "1,100", "100.0", "11", "1.30", "0.01300", "")
    assert off == ("off", "0", "4", "100", "100", "100.0", "15", "0.30", "0.00300", "33%")
    assert "COST $" not in table(row_figures(state.rows[0], names, None))[0]
    narrow = table(figures, width=50)
    assert narrow[0] == ("SETTING", "THOUGHT", "ANSWER", "TTFA ms", "E2EL s", "DIFF")
    low, off_words = sentences(figures)
    told = "thinking tokens -60%, answer tokens the same, time to the answer -55%, time -46%, the same words"
    assert low == f"low beside full: {told}"
    assert off_words.endswith("33% of the words differ")


async def test_until_the_servers_count_comes_a_chunk_is_about_a_token() -> None:
    chunks = said("it is 391", 10)[:12]
    state = await ended(Modes(3, {**ANSWERS, "full": chunks}), ONE)
    figures = row_figures(state.rows[0], ["full", "low", "off"], None)
    assert table(figures)[1][:3] == ("full", "~10", "~2")
    assert figures[0].end == "stopped"


async def test_of_an_answer_that_never_began_the_tokens_are_unknown_not_none() -> None:
    gone = [NothingThereError("no_server", "no server answers at http://x", "Start one.")]
    state = await ended(Modes(3, {"full": gone, "low": gone, "off": gone}), ONE)
    figures = row_figures(state.rows[0], ["full", "low", "off"], None)
    assert [(f.thinking_tokens, f.answer_tokens, f.about, f.end) for f in figures] == [
        (None, None, False, "no server")
    ] * 3


async def test_means_are_of_the_answers_that_are_complete() -> None:
    broken = [FailedError("http_400", "too long")]
    state = await ended(Modes(3, {**ANSWERS, "low": broken}), ONE, TWO)
    full, low, _ = means(state.rows, ["full", "low", "off"], 36.0)
    assert (full.end, full.thinking_tokens) == ("2 ok", 10)
    assert full.e2el_s == pytest.approx(1.3)
    assert full.tokens_per_second == pytest.approx(13 / 1.2)
    assert (low.end, low.thinking_tokens, low.e2el_s, low.cost_usd) == ("0 ok, 2 failed", None, None, None)


async def test_the_document_has_every_answer_and_says_unknown_where_it_is() -> None:
    broken = [FailedError("http_400", "too long", "Ask less.")]
    found = document(await ended(Modes(3, {**ANSWERS, "low": broken}), ONE), price_per_hour=36.0)
    assert (found["settings"], found["at_once"], found["complete"], found["failed"]) == (
        ["full", "low", "off"],
        3,
        True,
        1,
    )
    full, low, off = found["rows"][0]["answers"]
    assert (full["status"], full["thinking_tokens"], full["finish_reason"]) == ("ok", 10, "stop")
    assert full["e2el_ms"] == pytest.approx(1300)
    assert full["cost_usd"] == pytest.approx(0.013)
    assert (low["status"], low["usage"], low["e2el_ms"], low["cost_usd"]) == ("failed", None, None, None)
    assert low["error"] == {"kind": "http_400", "message": "too long", "fix": "Ask less."}
    assert off["differs"] == pytest.approx(1 / 3)
    assert [m["answers"] for m in found["means"]] == ["1 ok", "0 ok, 1 failed", "1 ok"]


def test_a_lab_that_is_begun_anew_forgets_the_one_before() -> None:
    begun = LabBegun(model="m", base_url="http://x", settings=THREE, prompts=(ONE,))
    state = LabState().after(begun).after(RowBegun(prompt=ONE, repetition=1))
    assert state.after(begun) == LabState(begun=begun)
    assert LabState().after(RowBegun(prompt=ONE, repetition=1)) == LabState()
