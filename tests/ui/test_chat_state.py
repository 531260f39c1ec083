"""The Chat pane's state: what it recalls and keeps, what a slash means, and the blocks that are drawn."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from nemotui.core.chat import ChatSettings, Sampling
from nemotui.core.conversation import Asked, Conversation, NextMode
from nemotui.core.errors import Problem
from nemotui.core.model_server import ChatChunk, ServedModel, ToolCallDelta
from nemotui.core.stores import KeptConversation
from nemotui.core.watch import ServerSample
from nemotui.ui.states.chat import ChatState, Cleared, Editing, Kept, Opened
from nemotui.ui.states.chat_commands import Do, Wrong, completed, matching, understood
from nemotui.ui.states.transcript import LIVE_THINKING, MOST, Block, Blocks
from tests.core.test_conversation import (
    ANSWER,
    ANSWER_MORE,
    BROKEN,
    END,
    THOUGHT,
    THOUGHT_MORE,
    USAGE,
    answered,
)

KEPT = KeptConversation(name="one", path="/one.json", version="1")


def after(*events: Any) -> ChatState:
    return reduce(ChatState.after, events, ChatState())


def shown(state: ChatState, *, thoughts: bool = False) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in Blocks().of(state.conversation, thoughts=thoughts)]


def test_an_answer_from_question_to_figures() -> None:
    state = after(Asked("what?"))
    assert state.answering
    assert shown(state) == [("question", "what?"), ("note", "waiting for the first token …")]

    state = reduce(ChatState.after, answered(THOUGHT, THOUGHT_MORE), state)
    assert shown(state)[1:] == [("note", "thinking … 0.5 s, about 2 tokens"), ("thinking", "hm so")]

    whole = answered(THOUGHT, THOUGHT_MORE, ANSWER, ANSWER_MORE, END, USAGE)
    state = reduce(ChatState.after, whole, after(Asked("what?"))).after(None)
    assert not state.answering
    assert shown(state)[:3] == [
        ("question", "what?"),
        ("note", "▸ thought for 2.0 s, 30 tokens"),
        ("markdown", "forty-two"),
    ]
    assert shown(state)[3][1].startswith("full · TTFT 500 ms")
    assert shown(state, thoughts=True)[1:3] == [("note", "▾ thought for 2.0 s, 30 tokens"), ("thinking", "hm so")]


def test_the_thinking_is_counted_until_the_answer_begins() -> None:
    state = after(Asked("what?"), *answered(THOUGHT, THOUGHT_MORE, ANSWER, ANSWER_MORE))
    assert shown(state)[1:] == [("note", "▸ thought for 2.0 s, about 2 tokens"), ("markdown", "forty-two")]


def test_of_long_thinking_the_end_is_shown_while_it_goes_on() -> None:
    state = after(Asked("what?"), *answered(ChatChunk(at=11, reasoning="x" * 5000 + "now")))
    (kind, text) = shown(state)[-1]
    assert kind == "thinking"
    assert len(text) == LIVE_THINKING + 1
    assert text.startswith("…x")
    assert text.endswith("now")


def test_an_answer_without_end_is_cut_and_says_so() -> None:
    state = after(Asked("what?"), *answered(ChatChunk(at=11, content="x" * (MOST + 5))), None)
    assert ("note", "… 5 characters more, which are copied and stored") in shown(state)
    assert state.conversation.last_answer == "x" * (MOST + 5)


def test_a_broken_answer_is_kept_with_its_trouble() -> None:
    state = after(Asked("what?"), *answered(ANSWER), BROKEN)
    assert shown(state)[1:3] == [("markdown", "forty"), ("problem", "the connection broke. Ask again")]
    assert shown(state)[-1][1].endswith(" · broken off")


def test_tool_calls_are_shown() -> None:
    call = ChatChunk(at=11, tool_calls=(ToolCallDelta(index=0, name="look", arguments='{"at": 1}'),))
    assert ("text", 'look({"at": 1})') in shown(after(Asked("what?"), *answered(call)))


def test_blocks_follow_a_conversation_however_it_changes() -> None:
    blocks = Blocks()
    events: list[Any] = [
        Asked("a?"),
        *answered(THOUGHT, ANSWER, ANSWER_MORE, END),
        None,
        Asked("b?"),
        *answered(ChatChunk(at=11, content="one\n\n```py\nx\n"), ChatChunk(at=12, content="```\n\ntwo")),
        BROKEN,
        Asked("c?", instead_of=1),
        *answered(ANSWER),
        None,
        Opened(Conversation().after(Asked("a?")).after(None), KEPT),
        Cleared(),
    ]
    state = ChatState()
    for event in events:
        state = state.after(event)
        for thoughts in (False, True, False):
            assert blocks.of(state.conversation, thoughts=thoughts) == Blocks().of(
                state.conversation, thoughts=thoughts
            )


def test_the_code_of_an_answer_is_numbered() -> None:
    state = after(Asked("what?"), *answered(ChatChunk(at=11, content="so:\n```py\nx = 1\n```\n")), None)
    blocks = Blocks().of(state.conversation, thoughts=False)
    assert blocks[1:4] == [
        Block("markdown", "so:"),
        Block("label", "code 1 py", gap=False),
        Block("code", "x = 1", "py"),
    ]


def test_a_new_conversation_keeps_the_settings_and_ignores_what_still_comes() -> None:
    state = after(NextMode(), Asked("what?"), Cleared(), *answered(ANSWER), None)
    assert (state.turns, state.mode, state.asked) == ((), "low", ("what?",))


def test_what_was_stored_counts_for_its_own_conversation_alone() -> None:
    asked = after(Asked("what?"), None)
    assert asked.after(Kept(asked.serial, KEPT)).kept == KEPT
    fresh = asked.after(Cleared())
    assert fresh.after(Kept(asked.serial, KEPT)).kept is None
    stored = asked.after(Kept(asked.serial, KEPT))
    assert stored.after(Asked("more?")).kept == KEPT
    assert stored.after(Editing(0)).after(Asked("other?", instead_of=0)).kept is None


def test_questions_are_recalled_once_each() -> None:
    events = [Asked("a"), None, Asked("b"), None, Asked("a"), None]
    assert after(*events).asked == ("b", "a")


def test_who_answers() -> None:
    sample = ServerSample(at=0.0, base_url="http://127.0.0.1:8000", serving=True, models=(ServedModel(id="super"),))
    assert after(sample).served == "super"
    assert after(sample, ServerSample(at=1.0, base_url="http://127.0.0.1:8000")).served is None


def test_a_problem_ends_an_answer_only() -> None:
    assert after(Problem("x", "y", "z")) == ChatState()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/mode off", ChatSettings(mode="off")),
        ("/budget 512", ChatSettings(sampling=Sampling(thinking_token_budget=512))),
        ("/budget none", ChatSettings()),
        ("/system Be brief.\nBe kind.", ChatSettings(system="Be brief.\nBe kind.")),
        ("/temperature 0", ChatSettings(sampling=Sampling(temperature=0))),
        ("/top-p 0.5", ChatSettings(sampling=Sampling(top_p=0.5))),
        ("/max_tokens 1,000", ChatSettings(sampling=Sampling(max_tokens=1000))),
        ("/MAX 7", ChatSettings(sampling=Sampling(max_tokens=7))),
        ("/seed 3", ChatSettings(sampling=Sampling(seed=3))),
        ("/copy 2", Do("copy", "2")),
        ("/open", Do("open")),
        ("/h", Do("help")),
    ],
)
def test_a_slash_sets_or_does(typed: str, meant: object) -> None:
    assert understood(typed, ChatSettings()) == meant


@pytest.mark.parametrize(
    "typed",
    ["/", "/s", "/nothing", "/mode", "/mode loud", "/budget -1", "/budget", "/temperature nan", "/top_p 0", "/seed x",
     "/max_tokens 0", "/system"],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(typed: str) -> None:
    assert isinstance(understood(typed, ChatSettings()), Wrong)


def test_a_setting_leaves_the_others_and_reset_the_system_prompt() -> None:
    settings = ChatSettings(mode="low", system="s", sampling=Sampling(seed=1, thinking_token_budget=9))
    warmer = understood("/temperature 0.5", settings)
    assert warmer == ChatSettings(
        mode="low", system="s", sampling=Sampling(seed=1, thinking_token_budget=9, temperature=0.5)
    )
    assert understood("/reset", settings) == ChatSettings(system="s")


def test_commands_complete_as_far_as_there_is_one_way() -> None:
    assert [command.name for command in matching("/s")] == ["system", "seed", "settings", "save"]
    assert [command.name for command in matching("/mode l")] == ["mode"]
    assert matching("no /s") == ()
    assert completed("/se") == "/se"
    assert completed("/t") == "/t"
    assert completed("/te") == "/temperature "
    assert completed("/set") == "/settings"
    assert completed("/x") == "/x"
