"""What tells a text from what broken kernels write."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from nemotui.core.verify_text import KNOWN, call_in, marks_in, unsound
from nemotui.sim import prose

SKY = (
    "The sky is blue because sunlight is scattered by the molecules of the air. Short waves, such as blue and violet, "
    "are scattered far more than long ones, an effect that Rayleigh described in 1871. Our eyes see violet badly and "
    "some of it is absorbed high above, so what remains from every direction looks blue. At sunset the light crosses "
    "much more air; most of the blue has been scattered away by then, and the sun and the clouds look red or orange."
)


@pytest.mark.parametrize(
    "text",
    [
        SKY,
        "42",
        "- one\n- two\n\n```python\nprint('hi')\n```\nDone.",
        "| a | b |\n|" + "-" * 60 + "|---|\n| 1 | 2 |",
        "Der Himmel ist blau, weil das Licht der Sonne an den Molekülen der Luft gestreut wird.",
        "天空是蓝色的，因为空气分子散射阳光。",
        "see https://example.com/" + "a" * 100,
    ],
)
def test_texts_are_sound(text: str) -> None:
    assert unsound(text) is None


@pytest.mark.parametrize("seed", range(50))
def test_what_the_pretend_model_writes_is_sound(seed: int) -> None:
    text = "".join(islice(prose.answer(random.Random(seed)), 12))
    assert unsound(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("!" * 40, "'!' 40 times"),
        ("the " * 100, "'the the the the'"),
        (SKY[:200] + " and so it goes on" * 30, "repeats"),
        ("a\ufffd" * 20, "UTF-8"),
        ("x9" * 60, "letters"),
        ("}{ ;; ()( *& ^% $# @! <> ]["[:25] * 3, "neither"),
        (" ".join(random.Random(1).choices(["der", "of", "和", "ting", "quartz"], k=400)), "different words"),
    ],
)
def test_garbage_is_told(text: str, why: str) -> None:
    assert why in (unsound(text) or "")


@pytest.mark.parametrize(
    ("number", "right", "wrong"),
    [
        (0, ("42", "17 + 25 = 42.", "**42**"), ("43", "142", "4 2")),
        (1, ("Paris", "paris."), ("Lyon", "comparison")),
        (2, ("No", "no, it is 7 × 13", "It is not."), ("Yes", "yes, it is", "Unknown")),
        (3, ("3:25", "03:25", "3 hours and 25 minutes", "3h 25m", "3 h 25 min"), ("4:25", "3:35", "13:05")),
    ],
)
def test_known_answers(number: int, right: tuple[str, ...], wrong: tuple[str, ...]) -> None:
    assert all(KNOWN[number].answered(text) for text in right)
    assert not any(KNOWN[number].answered(text) for text in wrong)


def test_marks_and_calls_are_seen() -> None:
    assert marks_in("so.</think>42") == "</think>"
    assert marks_in("I think <b>42</b>") is None
    assert call_in("<tool_call>\n<function=get_time>") == "<tool_call>"
    assert call_in("call the function get_time") is None
