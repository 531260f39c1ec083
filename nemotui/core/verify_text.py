"""Whether a text is one: what broken kernels write, by signs that hold in any language, and short known answers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

_FEW_WORDS: Final = 40  # below that a repetition says nothing
_WINDOW: Final = 4
_LONGEST_WORD: Final = 80
_RUN = re.compile(r"([^\s\-=_*.|#~])\1{29,}")
_DRAWING = re.compile(r"[\s\-=_*.|#~`]")  # what Markdown draws with
_MARKS = re.compile(r"</?think>|<\|im_(?:start|end)\|>")
_CALL = re.compile(r"</?tool_call>|<function=|<parameter=")


@dataclass(frozen=True, slots=True)
class Known:
    """A question that any model of this size answers; `answer` is looked for in the answer's lower case."""

    question: str
    answer: str

    def answered(self, text: str) -> bool:
        """Whether the text holds the answer."""
        return re.search(self.answer, text.lower()) is not None


KNOWN: Final = (
    Known("What is 17 + 25? Answer with the number alone.", r"\b42\b"),
    Known("What is the capital of France? Answer with one word.", r"\bparis\b"),
    Known("Is 91 a prime number? Answer yes or no.", r"\bno\b|\bnot\b"),
    Known(
        "A train leaves at 9:40 and arrives at 13:05. How long does it take? Answer as hours:minutes.",
        r"\b0?3 ?(?::|h(?:ours?|rs?)?,?) ?(?:and )?25(?!\d)",
    ),
)
LONG_QUESTION: Final = "Explain in about 150 words why the sky is blue."


def marks_in(text: str) -> str | None:
    """The first mark of the chat template in a text that should have none."""
    found = _MARKS.search(text)
    return found and found.group()


def call_in(text: str) -> str | None:
    """The first piece of a tool call's markup that nobody parsed."""
    found = _CALL.search(text)
    return found and found.group()


def unsound(text: str) -> str | None:
    """What is wrong with a text, as a phrase; None: nothing that shows."""
    if not text.strip():
        return "it is empty"
    if text.count("\ufffd") > max(2, len(text) // 200):
        return f"{text.count(chr(0xFFFD))} characters are broken UTF-8"
    words = text.split()
    if run := _RUN.search(" ".join(word for word in words if "/" not in word)):
        return f"it repeats {run.group(1)!r} {len(run.group())} times in a row"
    if any(len(word) > _LONGEST_WORD and "/" not in word for word in words):
        return f"a word has {max(map(len, words))} letters"
    letters = sum(c.isalnum() for c in text)
    if letters < 0.5 * len(_DRAWING.sub("", text)):
        return "most of it is neither letters nor digits"
    if len(words) < _FEW_WORDS:
        return None
    windows = Counter(zip(*(words[at:] for at in range(_WINDOW)), strict=False))
    most, times = windows.most_common(1)[0]
    if times >= 4 and times * _WINDOW > 0.25 * len(words):
        return f"it repeats {' '.join(most)!r} {times} times"
    if len(set(words)) < 0.15 * len(words):
        return f"it has {len(set(words))} different words among {len(words)}"
    return None
