"""Two answers word by word: what is marked puts each of them together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.word_diff import MOST_WORDS, word_diff

TEXTS = st.lists(st.sampled_from(["the", "answer", "is", "42", "43.", "**no**", "é"]), max_size=60).map(" ".join)


def marked(before: str, after: str) -> str:
    return "".join(piece.marked for piece in word_diff(before, after).pieces)


def test_words_of_one_answer_alone_are_marked_by_signs() -> None:
    assert marked("The answer is 391.", "The answer is\n381, I think.") == "The answer is [-391.-]\n{+381, I think.+}"
    assert word_diff("The answer is 391.", "The answer is 391 .").share == 1 - 6 / 9


def test_another_layout_is_no_difference() -> None:
    assert word_diff("one two\n\nthree", " one  **two** three\n").share == 0


def test_nothing_and_nothing_are_the_same_and_nothing_and_a_word_are_not() -> None:
    assert word_diff("", " \n").share == 0
    assert word_diff("", "word").share == 1
    assert marked("", "a word") == "{+a word+}"


def test_marks_are_for_answers_that_have_enough_in_common() -> None:
    assert not word_diff("a b c d e", "v w x y e").telling
    assert word_diff("a b c d e", "v w x y e").sentence == "another answer: 80% of the words differ"
    assert word_diff("a b c d e", "a b c d x").telling
    assert not word_diff("a b", "a b").telling
    assert word_diff("a " * 500 + "b", "a " * 500 + "c").sentence == "1% of the words differ"


@given(TEXTS, TEXTS)
def test_each_text_is_what_is_same_and_its_own_pieces(before: str, after: str) -> None:
    diff = word_diff(before, after)
    for text, own in ((before, "gone"), (after, "new")):
        assert "".join(p.text for p in diff.pieces if p.kind in ("same", own)).split() == text.split()
    assert 0 <= diff.share <= 1
    assert (diff.share == 0) == (before.split() == after.split())


def test_of_long_texts_the_beginning_is_compared_and_that_is_said() -> None:
    text = "word " * (MOST_WORDS + 1)
    assert word_diff(text, text).cut
    assert not word_diff("a", "a").cut
