"""Text that comes in pieces, onto a terminal: a word that does not fit into a line begins the next one."""

from __future__ import annotations

import os
import re
from typing import TextIO
from unicodedata import combining, east_asian_width

from nemotui.cli.output import put

# A line may end after each ideograph and kana; no space stands between them.
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_PIECES = re.compile(rf"\n|[^\S\n]+|[{_WIDE}]|[^\s{_WIDE}]+")
_FENCES = ("```", "~~~")


class WordWrap:
    """What is written to a stream: to a terminal by whole words, the last of which waits for its end; else as it comes.

    Code between fences is left to the terminal, so that it can be copied as it is.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._wraps = stream.isatty()
        self._column = 0
        self._space = ""  # before the word that waits; dropped where that begins a line by our doing
        self._word = ""
        self._code = False

    def write(self, text: str) -> None:
        """A piece of it, of any length."""
        if not self._wraps:
            put(self._stream, text)
            return
        pieces = _PIECES.findall(self._word + text)
        self._word = pieces.pop() if pieces and not pieces[-1].isspace() else ""
        put(self._stream, "".join(map(self._laid, pieces)))

    def end(self) -> None:
        """No more comes: the word that waits is written."""
        if self._word:
            put(self._stream, self._laid(self._word))
            self._word = ""

    def _laid(self, piece: str) -> str:
        if piece == "\n":
            self._column, self._space = 0, ""
            return piece
        if piece.isspace():
            self._space += piece
            return ""
        space, self._space = self._space, ""
        if not (self._column or space.strip(" ")) and piece.startswith(_FENCES):
            self._code = not self._code
        width = self._width
        end = self._column + _cells(space + piece)
        if self._column and not self._code and end > width:
            space, end = "\n", _cells(piece)
        self._column = (end - 1) % width + 1  # of a word longer than a line, its last part
        return space + piece

    @property
    def _width(self) -> int:
        """Of now: a window may change its size in the middle of an answer."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:  # the terminal is gone
            return 80


def _cells(text: str) -> int:
    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)
