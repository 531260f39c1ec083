"""Prompts of an exact length, on servers with all sorts of vocabularies."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.load.prompts import Prompts, Tokenize, prepare, single_tokens
from nemotui.load.schedule import arrivals
from nemotui.load.words import WORDS

SPEC = BenchSpec(base_url="http://h", input_len=100, output_len=7, num_prompts=50)


def server(cut: Callable[[str], list[str]]) -> tuple[Tokenize, list[str]]:
    """A /tokenize that cuts text so, and the texts it was asked for."""
    asked: list[str] = []
    ids: dict[str, int] = {}

    def tokenize(text: str) -> Sequence[int]:
        asked.append(text)
        return [ids.setdefault(piece, len(ids)) for piece in cut(text)]

    return tokenize, asked


def cut_words(text: str) -> list[str]:
    """A vocabulary of words with the space before them; those with a z or of six letters and more fall into pieces."""
    return [
        piece
        for word in re.findall(r" ?\S+", text)
        for piece in ([word] if len(word) < 7 and "z" not in word else [word[:3], word[3:]])
    ]


def cut_start(text: str) -> list[str]:
    """As `cut_words`, but at the beginning of a text only `ago` is one token."""
    start = [] if text.startswith(" ") else [text[:3]] if re.match(r"ago\b", text) else list(text[:3])
    return start + cut_words(text if not start else text[3:])


def test_the_words_that_are_one_token_are_found_in_one_request() -> None:
    tokenize, asked = server(cut_words)
    assert single_tokens(["able", "across", "zoo", "be"], tokenize) == ["able", "be"]
    assert asked == [" able able across across zoo zoo be be"]


def test_exact_length_and_three_requests_to_be_sure_of_it() -> None:
    tokenize, asked = server(cut_words)
    prompts = prepare(SPEC, "m", tokenize)
    assert prompts.approximate is None
    assert len(asked) == 3
    assert {len(cut_words(prompts.text(i))) for i in range(50)} == {100}


def test_a_word_that_is_one_token_without_a_space_too_comes_first() -> None:
    tokenize, _ = server(cut_start)
    prompts = prepare(SPEC, "m", tokenize)
    assert prompts.approximate is None
    assert prompts.text(0).startswith("ago ")
    assert len(cut_start(prompts.text(0))) == 100


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (list, "tokens are not words"),  # letters
        (lambda text: [str(i) for i in range(len(text.split()))], "tokens are not words"),  # ids that mean nothing
    ],
)
def test_a_vocabulary_without_words_makes_it_approximate(cut: Callable[[str], list[str]], why: str) -> None:
    tokenize, _ = server(cut)
    prompts = prepare(SPEC, "m", tokenize)
    assert why in (prompts.approximate or "")
    assert len(prompts.text(0).split()) == 100


def test_without_tokenize_the_same_words() -> None:
    def absent(_: str) -> None:
        return None

    prompts = prepare(SPEC, "m", absent)
    assert "/tokenize" in (prompts.approximate or "")
    assert set(prompts.text(0).split()) <= set(WORDS)


def test_prompts_differ_from_the_first_block_on_and_repeat_by_seed() -> None:
    def heads(seed: int) -> list[str]:
        spec = BenchSpec(base_url="http://h", input_len=100, num_prompts=50, seed=seed)
        prompts = Prompts(spec, "m", "the", WORDS, None)
        return [" ".join(prompts.text(i).split()[:16]) for i in range(50)]

    assert len(set(heads(1))) == 50
    assert heads(1) == heads(1)
    assert heads(1) != heads(2)


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 18, 500])
def test_every_length(length: int) -> None:
    prompts = Prompts(BenchSpec(base_url="http://h", input_len=length), "m", "the", WORDS, None)
    assert len(prompts.text(3).split(" ")) == length


def test_many_long_prompts_take_little_memory() -> None:
    spec = BenchSpec(base_url="http://h", input_len=200_000, num_prompts=1_000_000)
    prompts = Prompts(spec, "m", "the", WORDS, None)
    a, b = prompts.text(0).split(), prompts.text(999_999).split()
    assert len(a) == len(b) == 200_000
    assert a[:16] != b[:16]


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        ({"mode": "full"}, {"chat_template_kwargs": {"enable_thinking": True}}),
        ({"mode": "off"}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ({"endpoint": "completions"}, {}),
    ],
)
def test_bodies(asked: dict[str, Any], differs: dict[str, Any]) -> None:
    # A model with the name of our mark, and with signs that JSON must escape.
    prompts = Prompts(BenchSpec(base_url="http://h", output_len=7, **asked), 'PROMPT "x"', "the", WORDS, None)
    text = prompts.text(5)
    said = {"prompt": text} if "endpoint" in asked else {"messages": [{"role": "user", "content": text}]}
    assert json.loads(prompts.body(5, 7)) == {
        "model": 'PROMPT "x"',
        "max_tokens": 7,
        "ignore_eos": True,
        "temperature": 1.0,
        "top_p": 0.95,
        "stream": True,
        "stream_options": {"include_usage": True},
        **differs,
        **said,
    }
    assert json.loads(prompts.body(5, output_len=2))["max_tokens"] == 2


def test_arrivals_are_seeded_and_have_the_asked_rate_and_burstiness() -> None:
    def gaps(**asked: Any) -> list[float]:
        at = list(arrivals(BenchSpec(base_url="http://h", num_prompts=20_000, request_rate=4.0, **asked)))
        assert at[0] == 0
        return [b - a for a, b in itertools.pairwise(at)]

    def mean_and_variation(gaps: list[float]) -> tuple[float, float]:
        mean = sum(gaps) / len(gaps)
        return mean, (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean

    assert gaps() == gaps() != gaps(seed=1)
    # A gamma distribution of shape b varies by 1/√b of its mean.
    assert mean_and_variation(gaps()) == pytest.approx((0.25, 1.0), rel=0.05)
    assert mean_and_variation(gaps(burstiness=100.0)) == pytest.approx((0.25, 0.1), rel=0.05)
