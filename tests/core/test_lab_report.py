"""A lab as Markdown: what a model said stays text in it."""

from __future__ import annotations

import pytest

from nemotui.core.lab_prompts import LabPrompt
from nemotui.core.lab_report import as_markdown
from tests.core.test_lab import ANSWERS, ONE, Modes, ended, said

pytestmark = pytest.mark.anyio


async def test_tables_answers_and_marked_differences() -> None:
    text = as_markdown(await ended(Modes(3, ANSWERS), ONE), price_per_hour=36.0, time_scale=1.0)
    assert "| SETTING | THOUGHT | ANSWER |" in text
    assert "Beside full: the same words" in text
    assert "Beside full: 33% of the words differ\n\n```text\nit is [-391-] {+381+}\n```" in text
    assert "Times are those of 3 requests at once." in text
    assert "the most that it can have cost" in text


async def test_a_fence_is_longer_than_any_in_the_text_and_a_name_is_no_markdown() -> None:
    answers = {**ANSWERS, "off": said("````\n# not a heading", 0)}
    prompt = LabPrompt(name="a | b\n# c", prompt="```")
    text = as_markdown(await ended(Modes(3, answers), prompt), price_per_hour=None, time_scale=20)
    assert "## a \\| b \\# c\n\n````text\n```\n````" in text
    assert "`````text\n````\n# not a heading\n`````" in text
    assert "Time ran 20 times faster" in text
