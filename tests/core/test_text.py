"""Hostile text made plain: nothing that a terminal would obey comes through, and what a reader wants does."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.text import plain, plain_line


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),  # colour
        ("\x1b[2J\x1b[Hcleared", "cleared"),  # erase the screen
        ("\x1b[?1049hother", "other"),  # the alternate screen
        ("\x1b[200~pasted\x1b[201~", "pasted"),  # bracketed paste
        ("\x1b]0;title\x07text", "text"),  # window title, ended by BEL
        ("\x1b]0;title\x1b\\text", "text"),  # and by ST
        ("\x1b]52;c;cm0gLXJm\x07text", "text"),  # writes the clipboard
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),  # a link that is not what it shows
        ("\x1bP1$r0m\x1b\\text", "text"),  # DCS
        ("\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\text", "text"),
        ("\x1bctext\x1b(B\x1b=", "text"),  # reset, character set, keypad
        ("\x9b31mred \x9d0;title\x9ctext", "red text"),  # the same in 8 bits
        ("tail\x1b", "tail"),
        ("tail\x1b[", "tail"),
        ("tail\x1b[31", "tail"),
        ("tail\x1b]0;title", "tail"),
        ("\x1b]0;a\x1b[31mtext", "text"),  # one inside the other
        ("a\x1b\x1b[31mb", "ab"),
        ("a\x00b\x07c\x08d\x0be\x0cf\x7fg\x85h", "abcdefgh"),
        ("abc\u202egnp.exe", "abcgnp.exe"),  # reorders what is drawn
        ("a\u2028b\u2029c\u2066d\u2069e", "abcde"),
        ("a\ud800b", "ab"),  # half a character cannot be written
        ("a\tb", "a       b"),
        ("[/bold] [INFO] [rank0] a[0]", "[/bold] [INFO] [rank0] a[0]"),  # markup is text
        ("größer 日本 👩‍💻", "größer 日本 👩‍💻"),
    ],
)
def test_what_a_terminal_would_obey_is_gone_and_the_text_stays(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown
    assert plain_line(hostile) == shown


def test_text_keeps_its_lines_and_a_sequence_without_end_takes_only_its_own() -> None:
    assert plain("one\ntwo\r\n\nthree\n") == "one\ntwo\n\nthree\n"
    assert plain("one\x1b]0;never ends\ntwo") == "one\ntwo"
    assert plain("one\x1b[31\ntwo") == "one\ntwo"
    assert plain("“quoted\x9d as cp1252\ntwo") == "“quoted\ntwo"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("10%\r50%\r100%", "100%"),
        ("100%\r", "100%"),
        ("100%\r\n", "100%"),
        ("100%\r\r\r", "100%"),
        ("100%\r\x1b[0m", "100%"),
        ("\r\r", ""),
        ("", ""),
        ("one\ntwo", "one two"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (b"\x1b[31mred", "red"),
    ],
)
def test_a_line_is_what_a_terminal_shows_last(line: str | bytes, shown: str) -> None:
    assert plain_line(line) == shown


def test_a_long_line_is_capped_and_says_so() -> None:
    assert plain_line("x" * 2000) == "x" * 2000
    assert plain_line("x" * 2001) == "x" * 1999 + "…"
    assert plain_line("x" * 10_000_000, limit=10) == "xxxxxxxxx…"
    assert plain_line("\x1b[31m" * 100 + "red", limit=80) == "red"


_PIECES = st.sampled_from(
    ["\x1b", "[", "]", "0;", "m", "\x07", "\x1b\\", "\x9b", "\x9d", "\x9c", "\r", "\n", "\t", "P"]
)
HOSTILE = st.lists(_PIECES | st.text(max_size=4) | st.characters(categories=["Cc", "Cs", "Zl"]), max_size=30).map(
    "".join
)


def is_drawable(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


@given(HOSTILE)
def test_nothing_that_controls_a_terminal_ever_comes_through(text: str) -> None:
    assert all(is_drawable(character) or character == "\n" for character in plain(text))
    line = plain_line(text, limit=20)
    assert all(map(is_drawable, line))
    assert len(line) <= 20


@given(HOSTILE)
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    line = plain_line(text)
    assert plain_line(line) == line
