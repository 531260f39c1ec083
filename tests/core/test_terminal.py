"""How the console looks on a terminal: what the environment says of it."""

from __future__ import annotations

import pytest

from nemotui.core.terminal import ascii_only, sixteen_colours, theme_of


@pytest.mark.parametrize(
    ("environ", "ascii_signs"),
    [
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # as Python sets it for itself
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, True),
        ({"LANG": "en_US.ISO-8859-1"}, True),
        ({"LANG": "en_US.utf8"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, False),
        ({}, False),
    ],
)
def test_the_locale_says_whether_there_is_more_than_ascii(environ: dict[str, str], ascii_signs: bool) -> None:
    assert ascii_only(environ) is ascii_signs


@pytest.mark.parametrize(
    ("environ", "sixteen"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "tmux-256color"}, False),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False),
        ({}, True),
    ],
)
def test_the_name_of_the_terminal_says_how_many_colours_it_has(environ: dict[str, str], sixteen: bool) -> None:
    assert sixteen_colours(environ) is sixteen


def test_what_is_asked_for_stands_above_no_color_and_that_above_what_is_remembered() -> None:
    assert theme_of("light", "dark", {"NO_COLOR": "1"}) == "light"
    assert theme_of(None, "light", {"NO_COLOR": "1"}) == "monochrome"
    assert theme_of(None, "light", {"NO_COLOR": ""}) == "light"
    assert theme_of(None, None, {}) == "dark"
