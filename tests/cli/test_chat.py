"""`nemotui chat`: settings, and conversations that are stored, gone on with and listed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

OFF = ("chat", "--demo", "--speed", "50", "--mode", "off")


def test_a_conversation_is_stored_and_gone_on_with_in_its_settings(nemotui: Run) -> None:
    first = nemotui(*OFF, "--system", "Be brief.", "--max-tokens", "20", "--save", "--json", "One?").document
    name, path = first["conversation"]["name"], Path(first["conversation"]["path"])
    assert first["usage"]["completion_tokens"] == 20
    then = nemotui("chat", "--demo", "--speed", "50", "--continue", "latest", "--json", "Two?").document
    assert then["conversation"]["name"] == name
    assert (then["mode"], then["usage"]["completion_tokens"]) == ("off", 20)
    assert then["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"] + 20
    text = path.with_suffix(".md").read_text()
    assert "## System prompt\n\nBe brief." in text
    assert f"### Answer 2\n\n{then['content']}" in text
    listed = nemotui("chat", "--demo", "--list", "--json").document["conversations"]
    assert [(each["name"], each["title"], each["turns"]) for each in listed] == [(name, "One?", 2)]
    assert name in nemotui("chat", "--demo", "--list").out


def test_a_budget_bounds_the_thinking(nemotui: Run) -> None:
    said = nemotui("chat", "--demo", "--speed", "50", "--budget", "8", "--json", "Why?").document
    assert 0 < said["usage"]["reasoning_tokens"] <= 8
    assert said["conversation"] is None


def test_a_conversation_that_is_not_there_is_a_usage_error(nemotui: Run) -> None:
    ran = nemotui("chat", "--demo", "--continue", "nothing", "hi")
    assert (ran.code, ran.out) == (2, "")
    assert "no conversation 'nothing'" in ran.err
