"""Code fences of a Markdown text: where they open and close, and the code blocks between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = re.compile(r" *(`{3,}|~{3,}) *([^\s`{]*)[^`]*$")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open fence: its mark, how far it is indented, and the language that the model wrote behind it."""

    mark: str
    indent: int
    language: str

    def closed_by(self, line: str) -> bool:
        """A line of at least as many of the same marks and nothing else."""
        words = line.strip()
        return words.startswith(self.mark) and not words.strip(self.mark[0])

    def inner(self, line: str) -> str:
        """A line of code without the indentation that the fence has itself."""
        return line[min(self.indent, len(line) - len(line.lstrip(" "))) :]


def opened_by(line: str) -> Fence | None:
    """The fence that a line outside of any opens."""
    if mark := _MARK.match(line):
        return Fence(mark[1], len(line) - len(line.lstrip(" ")), mark[2])
    return None


def closed(text: str) -> str:
    """A Markdown text whose last fence is closed, so that other text can follow."""
    fence: Fence | None = None
    for line in text.split("\n"):
        if fence is None:
            fence = opened_by(line)
        elif fence.closed_by(line):
            fence = None
    return text if fence is None else f"{text}\n{' ' * fence.indent}{fence.mark}"


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """What stands between two fences, or after one that is not closed yet."""

    language: str
    text: str


def code_blocks(text: str) -> list[CodeBlock]:
    """The code blocks of a Markdown text, in order."""
    blocks: list[CodeBlock] = []
    fence: Fence | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        if fence is None:
            fence = opened_by(line)
        elif fence.closed_by(line):
            blocks.append(CodeBlock(fence.language, "\n".join(lines)))
            fence, lines = None, []
        else:
            lines.append(fence.inner(line))
    if fence is not None:
        blocks.append(CodeBlock(fence.language, "\n".join(lines)))
    return blocks
