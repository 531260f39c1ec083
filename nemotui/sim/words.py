"""A word-level tokenizer: no vocabulary file, yet consistent and invertible, and about as fine as a real one."""

from __future__ import annotations

import re

# In order: the template's own marks; a word with the space before it, cut after ten letters; up to three digits;
# a paragraph break; a sign with the space before it; any other white space, one character at a time.
_PIECE = re.compile(
    r"<\|im_start\|>|<\|im_end\|>|</?think>|</?tool_call>| ?[^\W\d_]{1,10}|\d{1,3}|\n\n| ?[^\w\s]|\s|_",
)
_FIRST_WORD_ID = 1000


def pieces(text: str) -> list[str]:
    """The text cut into tokens; joined they give the text back."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens the text has."""
    return len(_PIECE.findall(text))


class Tokenizer:
    """Pieces numbered in the order in which this server first saw them; `decode` inverts `encode`."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._pieces: list[str] = []

    def encode(self, text: str) -> list[int]:
        """Token ids of the text."""
        return [self._id(piece) for piece in pieces(text)]

    def decode(self, ids: list[int]) -> str:
        """The text of these ids; raises `ValueError` for an id never given out."""
        try:
            return "".join(self._pieces[self._index(i)] for i in ids)
        except IndexError:
            raise ValueError("Token id is out of vocabulary") from None

    def piece(self, token_id: int) -> str:
        """The text of one id."""
        return self.decode([token_id])

    def _id(self, piece: str) -> int:
        found = self._ids.get(piece)
        if found is None:
            found = self._ids[piece] = _FIRST_WORD_ID + len(self._pieces)
            self._pieces.append(piece)
        return found

    @staticmethod
    def _index(token_id: int) -> int:
        if token_id < _FIRST_WORD_ID:
            raise IndexError
        return token_id - _FIRST_WORD_ID
