"""What the pretend model says: modes, limits, tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nemotui.sim.model import Question, Reply, Token, render, reply

TOOL = {
    "type": "function",
    "function": {
        "name": "set_alarm",
        "parameters": {
            "type": "object",
            "properties": {
                "tz": {"type": "string"},
                "hour": {"type": "integer"},
                "kind": {"enum": ["bell", "bird"]},
                "note": {"type": "string"},
            },
            "required": ["tz", "hour", "kind"],
        },
    },
}


def ask(prompt: str = "hello", max_tokens: int = 4000, **how: Any) -> Reply:
    return reply(Question(prompt=prompt, max_tokens=max_tokens, **how))


def test_the_same_question_gets_the_same_reply_and_another_one_another() -> None:
    assert ask() == ask()
    assert ask() != ask(seed=1)
    assert ask() != ask("goodbye")


def test_full_thinking_comes_first_and_the_answer_begins_with_a_blank_line() -> None:
    full = ask()
    channels = [token.channel for token in full.tokens]
    thinking = channels.count("reasoning")
    assert channels[:thinking] == ["reasoning"] * thinking
    assert full.tokens[thinking] == Token("mark", "</think>")
    assert full.text("content").startswith("\n\n")
    assert full.tokens[-1] == Token("mark", "<|im_end|>")
    assert full.finish_reason == "stop"


def test_low_effort_thinks_less_and_off_not_at_all() -> None:
    assert 0 < ask(low_effort=True).reasoning_tokens < ask().reasoning_tokens
    off = ask(thinking=False)
    assert off.reasoning_tokens == 0
    assert not off.text("content").startswith("\n")


def test_a_thinking_budget_counts_the_mark_that_ends_the_thinking() -> None:
    # Captured from vLLM: a budget of 5 leaves 4 reasoning tokens.
    assert ask(thinking_token_budget=5).reasoning_tokens == 4
    assert ask(thinking_token_budget=0).reasoning_tokens == 0


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_max_tokens_cuts_the_reply(limit: int) -> None:
    cut = ask(max_tokens=limit, min_tokens=200)
    assert len(cut.tokens) == limit
    assert cut.finish_reason == "length"


def test_ignore_eos_goes_on_to_the_limit() -> None:
    endless = ask(max_tokens=1024, ignore_eos=True)
    assert len(endless.tokens) == 1024
    assert endless.finish_reason == "length"
    assert len(ask(max_tokens=1024, ignore_eos=True, thinking=False).tokens) == 1024


def test_a_reply_that_ends_exactly_at_the_limit_was_not_cut() -> None:
    whole = ask()
    assert ask(max_tokens=len(whole.tokens)).finish_reason == "stop"


def test_min_tokens_makes_it_longer() -> None:
    assert len(ask(min_tokens=700).tokens) >= 700


def test_a_tool_call_has_valid_arguments_for_what_the_schema_requires() -> None:
    call = ask(tool=TOOL)
    assert call.finish_reason == "tool_calls"
    assert call.text("tool_name") == "set_alarm"
    arguments = json.loads(call.text("tool_arguments"))
    assert arguments.keys() == {"tz", "hour", "kind"}
    assert isinstance(arguments["hour"], int)
    assert arguments["kind"] in ("bell", "bird")


def test_without_a_reasoning_parser_the_thinking_lands_in_the_content() -> None:
    plain = ask(reasoning_parser=False)
    assert plain.reasoning_tokens == 0
    assert plain.text("content") == ask().text("reasoning") + "</think>" + ask().text("content")


def test_the_chat_template_keeps_every_turn_and_opens_the_thinking() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    text = render([{"role": "system", "content": "s"}, *turns], thinking=True)
    assert text == (
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
        "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n<think>\n"
    )
    assert render(turns, thinking=False).endswith("<think></think>")
