"""How somebody's words become the name of a file: no way out of its folder, and never too long."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.file_names import file_words, timed_name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("What is a Mamba layer?", "What-is-a-Mamba-layer"),
        ("H100.fp8_v2", "H100.fp8_v2"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("速い", "速い"),
        ("a\x1b[31m\x00b", "a-31m-b"),
        ("§§", ""),
    ],
)
def test_letters_and_digits_stay(words: str, name: str) -> None:
    assert file_words(words) == name


@given(st.text())
def test_whatever_it_is_it_is_one_name_in_its_folder(text: str) -> None:
    name = f"{timed_name(0.0, text, 'run')}.json.part"
    assert os.path.basename(name) == name
    assert name.startswith("19700101T000000Z-")
    assert len(os.fsencode(name)) < 255
