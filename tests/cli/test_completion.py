"""Completion in a shell is click's own: the program answers where the shell asks it by this variable."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("words", "offered"),
    [("nemotui rec", "recommend"), ("nemotui bench --pre", "--preset"), ("nemotui bench --preset pub", "published")],
)
def test_what_is_begun_is_completed(nemotui: Run, words: str, offered: str) -> None:
    asked = {"_NEMOTUI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert nemotui(env=asked).out.splitlines() == [f"plain,{offered}"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])  # bash is asked for its version first
def test_a_shell_is_told_how_to_ask(nemotui: Run, shell: str) -> None:
    ran = nemotui(env={"_NEMOTUI_COMPLETE": f"{shell}_source"})
    assert f"_NEMOTUI_COMPLETE={shell}_complete" in ran.out
