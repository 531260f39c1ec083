"""The parts of README and docs/ that are made from the code: `make docs` writes them anew between their marks.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`, each on a line of its own.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

from platformdirs import user_state_path

from nemotui.core.failures import RULES
from nemotui.settings import Settings
from tests.ui.key_table import HEAD, rows

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def settings() -> str:
    """Each setting with its default and its meaning."""
    hints = typing.get_type_hints(Settings, include_extras=True)
    return _table(
        ("Key", "Default", "What it is"),
        ((f"`{field.name}`", _default(getattr(Settings(), field.name)), hints[field.name].__metadata__[-1].description)
         for field in fields(Settings)),
    )


def failures() -> str:
    """Each failure that is known by its message: `kind` as in JSON, what it means, what to change."""
    return _table(
        ("`kind`", "What it means", "What to change"),
        ((f"`{rule.kind}`", _filled(rule.cause), _filled(rule.remedy)) for rule in RULES),
    )


def keys() -> str:
    """Every key of the console, where it works and what it does."""
    return _table(HEAD, rows())


PARTS: dict[str, Callable[[], str]] = {"settings": settings, "failures": failures, "keys": keys}


def written_anew(document: str) -> str:
    """The document with each of its parts as the code has it now. An unknown mark is a `KeyError`."""
    return re.sub(
        r"^<!-- (\w+) -->\n.*?^<!-- /\1 -->$",
        lambda found: f"<!-- {found[1]} -->\n\n{PARTS[found[1]]()}\n\n<!-- /{found[1]} -->",
        document,
        flags=re.MULTILINE | re.DOTALL,
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def _default(value: object) -> str:
    if value is None or value == {}:
        return "unset"
    if value == Path(user_state_path("nemotui")):
        return "`~/.local/state/nemotui`"
    return f"`{str(value).replace(str(Path.home()), '~')}`"


def _filled(text: str) -> str:
    """What a message fills in, by its name: `{port}` is *port*."""
    return re.sub(r"\{(\w+)\}", r"*\1*", text)


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(written_anew(path.read_text()))
