"""A file of prompts: lines, JSON Lines, and what is neither; the prompts that ship."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.catalog import load_catalog
from nemotui.core.errors import UsageError
from nemotui.core.lab_prompts import FILE_LIMIT, MOST_PROMPTS, parse_prompts


def test_each_line_is_a_prompt_and_blank_ones_are_none() -> None:
    found = parse_prompts(b"\xef\xbb\xbfWhat is 2 + 2?\r\n\n  \nSay {hello}.\n", "mine.txt")
    assert [(p.name, p.prompt) for p in found] == [("What is 2 + 2?",) * 2, ("Say {hello}.",) * 2]


def test_json_lines_have_a_name_and_prompts_of_several_lines() -> None:
    data = b'\n{"prompt": "a\\nb", "name": "two lines", "id": 7}\n\n{"prompt": "' + b"long " * 40 + b'"}'
    first, second = parse_prompts(data, "mine.jsonl")
    assert (first.name, first.prompt) == ("two lines", "a\nb")
    assert second.prompt == ("long " * 40).strip()
    assert len(second.name) == 40


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has no prompt in it"),
        (b" \n\t\n", "has no prompt in it"),
        (b"good\n\xff\xfe\n", "line 2: it is not UTF-8"),
        (b'{"prompt": "a"}\n{"prompt": 7}', 'line 2: it has no text under "prompt"'),
        (b'{"prompt": "a"}\n{"promt": "b"}', 'line 2: it has no text under "prompt"'),
        (b'{"prompt": "a", "name": []}', 'line 1: "name" is not a text'),
        (b'{"prompt": "a"}\nplain', "line 2: it is not one JSON object"),
        (b'[{"prompt": "a"}]', "line 1: it is not one JSON object"),
        (b'{"prompt": "a"', "line 1: it is not one JSON object"),
        (b"[" * 100_000, "line 1: it is not one JSON object"),
        (b'{"prompt": ' + b"9" * 5000 + b"}", "line 1: it is not one JSON object"),
        (b'{"prompt": "\\u001b[31m \\u0007"}', "line 1: the prompt is empty"),
        (b"a\n" * (MOST_PROMPTS + 1), f"over {MOST_PROMPTS} prompts"),
        (b"a" * (FILE_LIMIT + 1), f"over {FILE_LIMIT} bytes"),
    ],
)
def test_a_file_that_is_not_of_prompts_is_refused_with_its_line(data: bytes, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_prompts(data, "given")
    assert words in str(raised.value)
    assert raised.value.problem.fix


def test_prompts_and_names_are_made_plain() -> None:
    text = "red \x1b[31mink\x1b[0m \ud800 \u202eback"
    (found,) = parse_prompts(json.dumps({"prompt": text, "name": text + "\n2"}).encode(), "given")
    assert found.prompt == "red ink  back"
    assert found.name == "red ink  back 2"


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_they_are_prompts_or_one_error(data: bytes) -> None:
    with suppress(UsageError):
        assert all(p.prompt.strip() and p.name.strip() for p in parse_prompts(data, "given"))


def test_those_that_ship_each_say_what_they_show() -> None:
    prompts = load_catalog().prompts
    assert len(prompts) == 8
    assert len({p.name for p in prompts}) == 8
    assert all(p.prompt and p.shows for p in prompts)
