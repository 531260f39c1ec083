"""The Chat pane's state: turns, what is sent of them, and how they are cut into blocks that are drawn."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from nemotui.core.chat import ChatDelta, Message, Reply
from nemotui.core.errors import Problem
from nemotui.core.ports import ChatChunk, ServedModel, ToolCallDelta, Usage
from nemotui.core.watch import ServerSample
from nemotui.ui.states.chat import Asked, ChatState, Cleared, NextMode
from nemotui.ui.states.transcript import LIVE_THINKING, Block, blocks, settled

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


def after(*events: Any) -> ChatState:
    return reduce(ChatState.after, events, ChatState())


def shown(state: ChatState, *, thoughts: bool = False) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks(state, thoughts=thoughts)]


def test_an_answer_from_question_to_figures() -> None:
    state = after(Asked("what?"))
    assert state.answering
    assert shown(state) == [("question", "what?"), ("note", "waiting for the first token …")]

    state = reduce(ChatState.after, answered(THOUGHT, THOUGHT_MORE), state)
    assert shown(state)[1:] == [("note", "thinking … 0.5 s, about 2 tokens"), ("thinking", "hm so")]

    state = reduce(
        ChatState.after, answered(THOUGHT, THOUGHT_MORE, ANSWER, ANSWER_MORE, END, USAGE), after(Asked("what?"))
    ).after(None)
    assert not state.answering
    assert shown(state) == [
        ("question", "what?"),
        ("note", "▸ thought for 2.0 s, 30 tokens"),
        ("markdown", "forty-two"),
        (
            "note",
            "full · TTFT 500 ms · first answer token 2,500 ms · ITL 833.3 ms · 16 tok/s · 20 in, 41 out · stop",
        ),
    ]
    assert shown(state, thoughts=True)[1:3] == [("note", "▾ thought for 2.0 s, 30 tokens"), ("thinking", "hm so")]


def test_the_thinking_is_counted_until_the_answer_begins() -> None:
    state = after(Asked("what?"), *answered(THOUGHT, THOUGHT_MORE, ANSWER, ANSWER_MORE))
    assert shown(state)[1:] == [("note", "▸ thought for 2.0 s, about 2 tokens"), ("text", "forty-two")]


def test_of_long_thinking_the_end_is_shown_while_it_goes_on() -> None:
    state = after(Asked("what?"), *answered(ChatChunk(at=11, reasoning="x" * 5000 + "now")))
    (kind, text) = shown(state)[-1]
    assert kind == "thinking"
    assert len(text) == LIVE_THINKING + 1
    assert text.startswith("…x")
    assert text.endswith("now")


def test_a_stopped_answer_is_kept_and_sent_on() -> None:
    state = after(Asked("what?"), *answered(THOUGHT, ANSWER), None)
    assert shown(state)[-1][1].endswith(" · stopped")
    assert state.messages == (
        Message(role="user", content="what?"),
        Message(role="assistant", content="forty", reasoning="hm "),
    )


def test_a_broken_answer_is_kept_with_its_trouble() -> None:
    state = after(Asked("what?"), *answered(ANSWER), BROKEN)
    assert not state.answering
    assert shown(state)[1:3] == [("markdown", "forty"), ("problem", "the connection broke. Ask again")]
    assert shown(state)[-1][1].endswith(" · broken off")


def test_a_question_that_nothing_came_back_to_is_shown_and_not_sent_again() -> None:
    state = after(Asked("what?"), BROKEN, Asked("what now?"))
    assert shown(state)[:2] == [("question", "what?"), ("problem", "the connection broke. Ask again")]
    assert state.messages == (Message(role="user", content="what now?"),)


def test_the_conversation_is_sent_turn_by_turn() -> None:
    state = after(Asked("one?"), *answered(ANSWER, END), None, Asked("two?"))
    assert [(message.role, message.content) for message in state.messages] == [
        ("user", "one?"),
        ("assistant", "forty"),
        ("user", "two?"),
    ]
    assert state.last_answer == "forty"


def test_the_modes_go_round() -> None:
    assert [after(*[NextMode()] * times).mode for times in range(4)] == ["full", "low", "off", "full"]


def test_a_new_conversation_keeps_the_mode_and_ignores_what_still_comes() -> None:
    state = after(NextMode(), Asked("what?"), Cleared(), *answered(ANSWER), None)
    assert state == ChatState(mode="low")


def test_who_answers() -> None:
    sample = ServerSample(at=0.0, base_url="http://127.0.0.1:8000", serving=True, models=(ServedModel(id="super"),))
    assert after(sample).served == "super"
    assert after(sample, ServerSample(at=1.0, base_url="http://127.0.0.1:8000")).served is None


@pytest.mark.parametrize(
    ("text", "done", "rest"),
    [
        ("", [], ""),
        ("one", [], "one"),
        ("one\n\n", ["one"], ""),
        ("one\n\ntwo\nthree", ["one"], "two\nthree"),
        ("one\n\n\n\ntwo\n\nthree", ["one", "two"], "three"),
        ("```py\na\n\nb", [], "```py\na\n\nb"),
        ("```py\na\n\nb\n```\n\nc", ["```py\na\n\nb\n```"], "c"),
        ("````\n```\n\nb\n````\n\nc", ["````\n```\n\nb\n````"], "c"),
        ("~~~\n```\n\n~~~\n\nc", ["~~~\n```\n\n~~~"], "c"),
        ("```a\n\n``` b\n\n```\n\nc", ["```a\n\n``` b\n\n```"], "c"),
    ],
)
def test_markdown_settles_at_blank_lines_outside_fences(text: str, done: list[str], rest: str) -> None:
    assert settled(text) == (done, rest)


def test_what_has_settled_stays_as_it_is_while_the_rest_grows() -> None:
    text = "# a\n\nb c\n\n```py\nx\n\ny\n```\n\n- d\n- e\n\nend"
    before: list[str] = []
    for length in range(len(text)):
        done, _ = settled(text[:length])
        assert done[: len(before)] == before
        before = done
    assert before == ["# a", "b c", "```py\nx\n\ny\n```", "- d\n- e"]


def test_tool_calls_are_shown() -> None:
    call = ChatChunk(at=11, tool_calls=(ToolCallDelta(index=0, name="look", arguments='{"at": 1}'),))
    assert Block("text", 'look({"at": 1})') in blocks(after(Asked("what?"), *answered(call)), thoughts=False)
