"""Two answers, word by word: what stands in both, what only in the one, marked by signs as `git diff --word-diff` does.

Line breaks, spaces and emphasis do not count: the same words laid out in another way are the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final, Literal

Kind = Literal["same", "gone", "new"]
MARKS: Final[dict[Kind, tuple[str, str]]] = {"same": ("", ""), "gone": ("[-", "-]"), "new": ("{+", "+}")}
MOST_WORDS: Final = 3000  # of each answer; comparing takes the square of it at worst
ALIKE: Final = 0.6  # above this share of other words marks are noise: it is another answer

_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that stand together, with the white space before them."""

    kind: Kind
    text: str

    @property
    def marked(self) -> str:
        """The words between the signs of their kind; white space stays outside."""
        opening, closing = MARKS[self.kind]
        words = self.text.lstrip()
        return f"{self.text[: len(self.text) - len(words)]}{opening}{words}{closing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordDiff:
    """`share`: of the words of both, how many stand in one alone, 0..1. `cut`: only the beginning was compared."""

    pieces: tuple[Piece, ...]
    share: float
    cut: bool = False

    @property
    def telling(self) -> bool:
        """Marks can be read: something differs, and enough is the same."""
        return 0 < self.share <= ALIKE

    @property
    def sentence(self) -> str:
        """How much differs."""
        cut = f", of the first {MOST_WORDS:,}" if self.cut else ""
        if not self.share:
            return f"the same words{cut}"
        another = "" if self.telling else "another answer: "
        return f"{another}{max(0.01, self.share):.0%} of the words differ{cut}"

    @property
    def marked(self) -> str:
        """The later text, with what differs between its signs."""
        return "".join(piece.marked for piece in self.pieces).strip()


@lru_cache(maxsize=64)
def word_diff(before: str, after: str) -> WordDiff:
    """What to take from `before`, and to add, to get `after`. Two empty texts are the same."""
    ours, theirs = _WORD.findall(before), _WORD.findall(after)
    cut = max(len(ours), len(theirs)) > MOST_WORDS
    ours, theirs = ours[:MOST_WORDS], theirs[:MOST_WORDS]
    keys, others = list(map(_key, ours)), list(map(_key, theirs))
    shortest = min(len(keys), len(others))
    head = next((n for n in range(shortest) if keys[n] != others[n]), shortest)
    tail = next((n for n in range(shortest - head) if keys[-1 - n] != others[-1 - n]), shortest - head)
    # Words that come again and again are no anchors to it (autojunk), which bounds the time of hostile texts.
    matcher = SequenceMatcher(None, keys[head : len(keys) - tail], others[head : len(others) - tail])
    pieces = [
        Piece("same", "".join(theirs[:head])),
        *_pieces(matcher, ours[head:], theirs[head:]),
        Piece("same", "".join(theirs[len(theirs) - tail :])),
    ]
    pieces = [piece for piece in pieces if piece.text]
    # The first word of a text has no space before it; here another text's words may stand there.
    pieces[1:] = [p if p.text[0].isspace() else Piece(p.kind, " " + p.text) for p in pieces[1:]]
    same = head + tail + sum(block.size for block in matcher.get_matching_blocks())
    words = len(ours) + len(theirs)
    return WordDiff(pieces=tuple(pieces), share=1 - 2 * same / words if words else 0.0, cut=cut)


def _key(word: str) -> str:
    word = word.strip()
    return word.strip("*_`") or word


def _pieces(matcher: SequenceMatcher[str], ours: list[str], theirs: list[str]) -> Iterator[Piece]:
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(theirs[j:j_end]))
            continue
        if i < i_end:
            yield Piece("gone", "".join(ours[i:i_end]))
        if j < j_end:
            yield Piece("new", "".join(theirs[j:j_end]))
