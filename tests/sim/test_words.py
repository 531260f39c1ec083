"""The word-level tokenizer: every text comes back, common words are one token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.sim import words


@given(st.text())
def test_detokenize_inverts_tokenize(text: str) -> None:
    tokenizer = words.Tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("hello world", ["hello", " world"]),
        ("internationalisation", ["internatio", "nalisation"]),
        ("in 2026,\n\nat 9.5", ["in", " ", "202", "6", ",", "\n\n", "at", " ", "9", ".", "5"]),
        ("<|im_start|>user\n", ["<|im_start|>", "user", "\n"]),
    ],
)
def test_pieces(text: str, pieces: list[str]) -> None:
    assert words.pieces(text) == pieces
    assert words.count(text) == len(pieces)


def test_an_id_means_the_same_for_the_whole_life_of_a_server() -> None:
    tokenizer = words.Tokenizer()
    assert tokenizer.encode("one two one") == tokenizer.encode("one two one")
    with pytest.raises(ValueError, match="out of vocabulary"):
        tokenizer.decode([7])
    with pytest.raises(ValueError, match="out of vocabulary"):
        tokenizer.decode([100_000])
