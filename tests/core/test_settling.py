"""Growing Markdown cut into pieces that stay: where, and that no way of growing changes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.fences import CodeBlock, closed, code_blocks
from nemotui.core.settling import LINES, LONGEST, Settling


def cut(text: str) -> tuple[list[str], str]:
    """The texts of the pieces that have settled, and of the tail."""
    settling = Settling()
    tail = settling.grown(text)
    return [piece.text for piece in settling.pieces], tail.text if tail else ""


@pytest.mark.parametrize(
    ("text", "done", "rest"),
    [
        ("", [], ""),
        ("one", [], "one"),
        ("one\n\n", ["one"], ""),
        ("one\n\ntwo\nthree", ["one"], "two\nthree"),
        ("one\n\n\n\ntwo\n\nthree", ["one", "two"], "three"),
        ("one\n```py\na\n\nb", ["one", "code 1 py"], "a\n\nb"),
        ("```py\na\n\nb\n```\n\nc", ["code 1 py", "a\n\nb"], "c"),
        ("````\n```\n\nb\n````\n\nc", ["code 1", "```\n\nb"], "c"),
        ("~~~\n```\n\n~~~\n\nc", ["code 1", "```\n"], "c"),
        ("```a\n\n``` b\n\n```\n\nc", ["code 1 a", "\n``` b\n"], "c"),
        ("1. x\n   ```sh\n   ls\n     -l\n   ```\n2. y", ["1. x", "code 1 sh", "ls\n  -l"], "2. y"),
    ],
)
def test_it_settles_at_blank_lines_and_fences(text: str, done: list[str], rest: str) -> None:
    assert cut(text) == (done, rest)


def test_long_code_settles_while_it_is_written() -> None:
    lines = [f"line {n}" for n in range(LINES + 5)]
    done, rest = cut("```py\n" + "\n".join(lines))
    assert done == ["code 1 py", "\n".join(lines[:LINES])]
    assert rest == "\n".join(lines[LINES:])


def test_a_long_table_goes_on_under_its_head() -> None:
    head, rows = ["| a | b |", "|---|---|"], [f"| {n} | x |" for n in range(100)]
    done, rest = cut("\n".join([*head, *rows]) + "\n\nend")
    assert all(piece.split("\n")[:2] == head for piece in done)
    assert [row for piece in done for row in piece.split("\n")[2:]] == rows
    assert rest == "end"


def test_a_long_list_is_cut_before_an_item() -> None:
    items = [f"- item {n}\n  {'more ' * 20}" for n in range(60)]
    done, rest = cut("\n".join(items))
    assert all(piece.startswith("- item") for piece in [*done, rest])
    assert "\n".join([*done, rest]) == "\n".join(items)


PIECES = st.sampled_from(
    ["a ", "word. ", "\n", "\n\n", "```py\n", "```\n", "~~~\n", "- x\n", "|a|b|\n", "|-|-|\n", "# h\n", "`", "  "]
)


@given(st.lists(PIECES, max_size=60), st.lists(st.integers(0, 400), max_size=8))
def test_what_has_settled_stays_however_the_text_grows(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    growing = Settling()
    before: list[object] = []
    for length in sorted({*(c for c in cuts if c < len(text)), len(text)}):
        tail = growing.grown(text[:length])
        assert growing.pieces[: len(before)] == before
        before = list(growing.pieces)
    once = Settling()
    assert (once.grown(text), once.pieces) == (tail, growing.pieces)


@given(st.text(st.characters(exclude_characters="\n`~|"), min_size=1), st.integers(LONGEST, 5 * LONGEST))
def test_no_line_is_too_long_for_a_piece_and_nothing_of_it_is_lost(word: str, length: int) -> None:
    text = (word * length)[: 6 * LONGEST]
    done, rest = cut(text)
    assert all(len(piece) <= LONGEST for piece in done)
    assert len(rest) <= 2 * LONGEST
    assert "".join([*done, rest]).split() == text.split()


def test_a_fence_that_is_open_is_closed() -> None:
    assert closed("a\n```\nb\n```") == "a\n```\nb\n```"
    assert closed("a\n  ~~~~ py\n  ```") == "a\n  ~~~~ py\n  ```\n  ~~~~"


def test_code_blocks_are_found_with_their_languages() -> None:
    text = "a\n```py\nx = 1\n```\nb\n~~~\n```\n~~~\n  ```sh\n  ls\n"
    assert code_blocks(text) == [CodeBlock("py", "x = 1"), CodeBlock("", "```"), CodeBlock("sh", "ls\n")]
