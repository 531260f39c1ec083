"""Text in a Markdown document that stays text, whatever a model, a server or a label holds; and tables of it."""

from __future__ import annotations

import re
from collections.abc import Sequence


def inline(text: str) -> str:
    """One line that is no Markdown."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def grid(rows: Sequence[Sequence[str]]) -> str:
    """A table, its head first."""
    lines = [f"| {' | '.join(map(inline, row))} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def fenced(text: str) -> str:
    """Text as it is, in a fence that nothing in it closes."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"
