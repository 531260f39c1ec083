"""What README and docs/ say of the code is what the code says."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

import pytest

from nemotui.keys.keymap import remapped
from tests.docs.generated import DOCUMENTS, PARTS, written_anew


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_made_parts_of_a_document_are_of_this_code(path: Path) -> None:
    document = path.read_text()
    assert document == written_anew(document), "make docs"


@pytest.mark.parametrize("part", PARTS)
def test_each_part_stands_in_one_document(part: str) -> None:
    assert [path.name for path in DOCUMENTS if f"<!-- {part} -->\n" in path.read_text()], part


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_example_of_other_keys_is_one_that_is_taken() -> None:
    (document,) = [path.read_text() for path in DOCUMENTS if path.name == "keys.md"]
    (example,) = re.findall(r"(?m)^    \[keys\]\n(?:    .*\n)+", document)
    keys = tomllib.loads(textwrap.dedent(example))["keys"]
    assert keys.keys() == {"copy", "logs-wrap", "palette"}
    remapped(keys, "docs/keys.md")
