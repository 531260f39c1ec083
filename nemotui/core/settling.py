"""Markdown that still grows, cut into pieces that stay as they are: what is drawn once need not be drawn again.

It is cut at blank lines outside code fences; and where it goes on for long without one, at a list's next item, a
table's row, a line of code, the end of a sentence. So no piece is long, whatever a model writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nemotui.core.fences import Fence, opened_by

LONG = 1500  # characters after which a list ends with its item
LONGEST = 2000  # characters of a piece at most, but for the rest of a line
LINES = 40  # rows of a table and lines of code in a piece

_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)]) ")
_RULER = re.compile(r"\s*\|?[\s:]*-[-\s|:]*$")


@dataclass(frozen=True, slots=True)
class Piece:
    """`label` is the number and language of a code block, before its first line. `gap`: a blank line follows."""

    kind: Literal["markdown", "code", "label"]
    text: str
    language: str = ""
    gap: bool = True


class Settling:
    """One text. `pieces` have settled."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._read = 0  # characters of the text that were looked at
        self._lines: list[str] = []
        self._size = 0
        self._repeated = 0  # of the lines, those that are a table's head once more
        self._fence: Fence | None = None
        self._codes = 0  # code blocks so far

    def grown(self, text: str) -> Piece | None:
        """Take in the text, which begins with what it was before; the tail that has not settled, if there is one."""
        while True:
            end = text.find("\n", self._read)
            length = (len(text) if end < 0 else end) - self._read
            if length > 2 * LONGEST:
                self._take(text[self._read : self._read + self._cut(text)], whole=False)
                continue
            if end < 0:
                break
            self._take(text[self._read : end], whole=True)
        last = text[self._read :]
        if self._fence is not None:
            last = self._fence.inner(last)
        rest = "\n".join([*self._lines, last])
        if not rest.strip() or (len(self._lines) == self._repeated > 0 and not last):
            return None
        return Piece("code", rest, self._fence.language) if self._fence else Piece("markdown", rest)

    def _cut(self, text: str) -> int:
        """Where a line that goes on and on is cut: after a sentence, a word, or anywhere."""
        part = text[self._read : self._read + LONGEST]
        for mark in (". ", " "):
            if (at := part.rfind(mark, LONGEST // 2)) > 0:
                return at + len(mark)
        return LONGEST

    def _take(self, line: str, *, whole: bool) -> None:
        self._read += len(line) + whole
        if self._fence is not None:
            if whole and self._fence.closed_by(line):
                self._settle(gap=True)
                self._fence = None
                return
            self._lines.append(self._fence.inner(line))
            self._size += len(line)
            if not whole or len(self._lines) >= LINES or self._size > LONGEST:
                self._settle(gap=False)
            return
        if whole and (fence := opened_by(line)):
            self._settle(gap=True)
            self._codes += 1
            self._fence = fence
            words = " ".join(filter(None, (f"code {self._codes}", fence.language)))
            self.pieces.append(Piece("label", words, gap=False))
            return
        if not line.strip():
            self._settle(gap=True)
            return
        table = len(self._lines) > 1 and "|" in self._lines[0] and bool(_RULER.match(self._lines[1]))
        if self._size > LONG and not table and (_ITEM.match(line) or self._size > LONGEST):
            self._settle(gap=False)
        self._lines.append(line)
        self._size += len(line)
        if not whole:
            self._settle(gap=False)
        elif table and (len(self._lines) >= LINES or self._size > LONGEST):
            head = self._lines[:2]
            self._settle(gap=False)
            self._lines, self._size, self._repeated = head, sum(map(len, head)), len(head)

    def _settle(self, *, gap: bool) -> None:
        if len(self._lines) > self._repeated:
            if self._fence is None:
                self.pieces.append(Piece("markdown", "\n".join(self._lines), gap=gap))
            else:
                self.pieces.append(Piece("code", "\n".join(self._lines), self._fence.language, gap))
        elif gap and self._fence is not None and self.pieces:  # closed right after a piece that had no gap
            self.pieces.append(Piece("code", "", self._fence.language))
        self._lines, self._size, self._repeated = [], 0, 0
