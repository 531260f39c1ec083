"""A conversation: turns as they go out and come back, what is sent of them, and how they are told."""

from __future__ import annotations

from functools import reduce
from typing import Any

from nemotui.core.chat import ChatDelta, ChatSettings, Message, Reply, Sampling
from nemotui.core.chat_text import as_markdown, figures
from nemotui.core.conversation import Asked, Conversation, NextMode
from nemotui.core.errors import Problem
from nemotui.core.exchange import Ended, Received, Sent
from nemotui.core.model_server import ChatChunk, ToolCallDelta, Usage

BROKEN = Problem("reset", "the connection broke", "ask again")
THOUGHT = ChatChunk(at=10.5, reasoning="hm ")
THOUGHT_MORE = ChatChunk(at=11.0, reasoning="so")
ANSWER = ChatChunk(at=12.5, content="\n\nforty")
ANSWER_MORE = ChatChunk(at=13.0, content="-two")
END = ChatChunk(at=13.0, finish_reason="stop")
USAGE = ChatChunk(at=13.0, usage=Usage(prompt_tokens=20, completion_tokens=41, reasoning_tokens=30))


def answered(*chunks: ChatChunk) -> list[ChatDelta]:
    """The deltas of a reply that was asked for at 10.0."""
    reply, deltas = Reply(mode="full", sent_at=10.0), []
    for chunk in chunks:
        reply = reply.after(chunk)
        deltas.append(ChatDelta(reasoning=chunk.reasoning, content=chunk.content, reply=reply))
    return deltas


def after(*events: Any) -> Conversation:
    return reduce(Conversation.after, events, Conversation())


def test_a_stopped_answer_is_kept_and_sent_on() -> None:
    said = after(Asked("what?"), *answered(THOUGHT, ANSWER), None)
    assert figures(said.turns[0]).endswith(" · stopped")
    assert said.messages == (
        Message(role="user", content="what?"),
        Message(role="assistant", content="forty", reasoning="hm "),
    )


def test_a_question_that_nothing_came_back_to_is_not_sent_again() -> None:
    said = after(Asked("what?"), BROKEN, Asked("what now?"))
    assert said.messages == (Message(role="user", content="what now?"),)


def test_it_is_sent_turn_by_turn_after_its_system_prompt() -> None:
    settings = ChatSettings(system="Be brief.")
    said = after(settings, Asked("one?"), *answered(ANSWER, END), None, Asked("two?"))
    assert [(message.role, message.content) for message in said.messages] == [
        ("system", "Be brief."),
        ("user", "one?"),
        ("assistant", "forty"),
        ("user", "two?"),
    ]
    assert said.last_answer == "forty"


def test_a_question_asked_anew_takes_the_place_of_its_turn_and_of_all_after_it() -> None:
    turn = (*answered(ANSWER, END), None)
    said = after(Asked("one?"), *turn, Asked("two?"), *turn, Asked("three?"), *turn, Asked("other?", instead_of=1))
    assert [each.question for each in said.turns] == ["one?", "other?"]
    assert [message.content for message in said.messages] == ["one?", "forty", "other?"]


def test_each_turn_keeps_the_settings_that_it_went_out_with() -> None:
    warm = ChatSettings(sampling=Sampling(temperature=0.2))
    said = after(Asked("one?"), *answered(ANSWER), None, warm, NextMode(), Asked("two?", model="m", at=1.0))
    assert [(turn.settings.mode, turn.settings.sampling.temperature) for turn in said.turns] == [
        ("full", 1.0),
        ("low", 0.2),
    ]


def test_the_modes_go_round() -> None:
    modes = [after(*[NextMode()] * times).settings.mode for times in range(4)]
    assert modes == ["full", "low", "off", "full"]


def test_what_comes_after_the_end_is_not_taken_in() -> None:
    over = after(Asked("what?"), *answered(ANSWER), None)
    assert over.after(answered(ANSWER_MORE)[0]).after(BROKEN) == over


def test_the_figures_of_a_reply_are_all_there_and_na_where_unknown() -> None:
    whole = after(Asked("what?"), *answered(THOUGHT, THOUGHT_MORE, ANSWER, ANSWER_MORE, END, USAGE), None)
    assert figures(whole.turns[0]) == (
        "full · TTFT 500 ms · first answer 2,500 ms · ITL 833.3 ms · 16 tok/s · 30 thinking, 11 answer, 20 in · stop"
    )
    broken = after(Asked("what?"), *answered(ANSWER), BROKEN)
    assert figures(broken.turns[0]) == (
        "full · TTFT 2,500 ms · first answer 2,500 ms · ITL n/a · n/a tok/s · "
        "n/a thinking, n/a answer, n/a in · broken off"
    )
    assert figures(after(Asked("what?"), None).turns[0]) == "stopped"


def test_as_markdown_it_has_all_of_it() -> None:
    call = ChatChunk(at=12.6, tool_calls=(ToolCallDelta(index=0, name="look", arguments='{"at": 1}'),))
    settings = ChatSettings(mode="low", system="Be brief.", sampling=Sampling(seed=7, thinking_token_budget=64))
    said = after(
        settings,
        Asked("what\nnow?", model="super", at=0.0),
        *answered(THOUGHT, THOUGHT_MORE, ANSWER, call, END, USAGE),
        None,
        Asked("and?"),
        BROKEN,
    )
    assert as_markdown(said) == (
        "# what now?\n\n"
        "## System prompt\n\nBe brief.\n\n"
        "## Question 1\n\nwhat\nnow?\n\n"
        "*super · 1970-01-01 00:00:00 UTC · mode low · budget 64 · seed 7 · system prompt*\n\n"
        "### Thought for 2.0 s, 30 tokens\n\n> hm so\n\n"
        '### Answer 1\n\nforty\n\n`look({"at": 1})`\n\n'
        f"*{figures(said.turns[0])}*\n\n"
        "## Question 2\n\nand?\n\n*mode low · budget 64 · seed 7 · system prompt*\n\n"
        "**the connection broke. Ask again**\n\n*no answer*\n"
    )


def test_of_the_latest_answers_it_is_kept_what_went_over_the_wire_of_older_ones_only_how_much() -> None:
    sent = Sent(at=1.0, method="POST", url="http://x", headers=(), body="{}", size=2)
    seen = (sent, Received(at=2.0, text="event", size=5), Ended(at=3.0, how="x", notes=("Odd.",)))
    said = Conversation()
    for number in range(12):
        reply = Reply(mode="off", sent_at=1.0).after(ChatChunk(at=2.0, content="a", seen=seen))
        said = said.after(Asked(str(number))).after(ChatDelta(reasoning="", content="a", reply=reply)).after(None)
    exchanges = [turn.reply.exchange for turn in said.turns if turn.reply is not None]
    assert [bool(each.head) for each in exchanges if each is not None] == [False] * 4 + [True] * 8
    assert {each.notes for each in exchanges if each is not None} == {("Odd.",)}
    assert exchanges[0] is not None
    assert exchanges[0].count == 1
