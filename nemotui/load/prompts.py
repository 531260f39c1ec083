"""Prompts of an exact length in tokens without a tokenizer of our own: the server says which words are one token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import shake_128
from typing import Any

import msgspec

from nemotui.core.bench import BenchSpec
from nemotui.core.chat import template_kwargs
from nemotui.load.words import WORDS

# Answers with the token ids of a text, or None where the server cannot say.
Tokenize = Callable[[str], Sequence[int] | None]
# Told what share of the prompts is ready.
Progress = Callable[[float], None]

# Every prompt begins with so many words of its own, which keeps it out of any prefix cache; the rest comes from
# a stock of tails that fits this memory, so that a run of any length stays flat.
HEAD_WORDS = 16
TAILS_BYTES = 8 * 1024 * 1024
_STARTERS = 32  # words tried for the first place
_MARK = "PROMPT"


class Prompts:
    """The bodies of a run's requests. Same specification and vocabulary, same prompts.

    `approximate` says why the length may be off, None where it is exact.
    """

    def __init__(
        self,
        spec: BenchSpec,
        model: str,
        first: str,
        words: Sequence[str],
        approximate: str | None,
        progress: Progress = lambda _: None,
    ) -> None:
        self.approximate = approximate
        self._spec, self._model, self._first = spec, model, first
        # 256 words, so that a random byte is a random word: a prompt of 8,192 is made in a fraction of a millisecond.
        self._table = [words[i % len(words)] for i in range(256)]
        self._head = min(HEAD_WORDS, spec.input_len) - 1
        tail = spec.input_len - 1 - self._head
        stock = max(1, min(spec.num_prompts, TAILS_BYTES // (6 * (tail + 1))))
        self._tails = []
        for i in range(stock):
            self._tails.append(self._text(f"{spec.seed} tail {i}", tail).encode())
            progress((i + 1) / stock)
        self._frames: dict[int, tuple[bytes, bytes]] = {}

    def text(self, index: int) -> str:
        """The prompt of a request."""
        return b"".join(self._pieces(index)).decode()

    def body(self, index: int, output_len: int) -> bytes:
        """The JSON body of a request for so many tokens."""
        if (frame := self._frames.get(output_len)) is None:
            frame = self._frames[output_len] = self._frame(output_len)
        return b"".join((frame[0], *self._pieces(index), frame[1]))

    def _pieces(self, index: int) -> tuple[bytes, bytes]:
        head = self._text(f"{self._spec.seed} head {index}", self._head)
        return f"{self._first}{head}".encode(), self._tails[index % len(self._tails)]

    def _text(self, seed: str, count: int) -> str:
        return "".join(f" {word}" for word in map(self._table.__getitem__, shake_128(seed.encode()).digest(count)))

    def _frame(self, output_len: int) -> tuple[bytes, bytes]:
        """The body around the prompt, whose words need no escaping. Sampling as the model's card asks in every mode."""
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": output_len,
            "ignore_eos": True,
            "temperature": 1.0,
            "top_p": 0.95,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._spec.endpoint == "chat":
            body["chat_template_kwargs"] = template_kwargs(self._spec.mode)
            body["messages"] = [{"role": "user", "content": _MARK}]
        else:
            body["prompt"] = _MARK
        # The prompt is last, so that no name in front of it can be taken for the mark behind it.
        before, _, after = msgspec.json.encode(body).rpartition(_MARK.encode())
        return before, after


def prepare(spec: BenchSpec, model: str, tokenize: Tokenize, progress: Progress = lambda _: None) -> Prompts:
    """Prompts for this server: exact where it can count tokens, of the same words and said to be approximate else."""

    def made(first: str, words: Sequence[str], approximate: str | None) -> Prompts:
        return Prompts(spec, model, first, words, approximate, progress)

    words = single_tokens(WORDS, tokenize)
    if words is None:
        return made(WORDS[0], WORDS, "the server cannot count tokens (/tokenize): see the totals")
    for first in words[:_STARTERS]:
        if len(tokenize(first) or ()) == 1:
            prompts = made(first, words, None)
            if len(tokenize(prompts.text(0)) or ()) == spec.input_len:
                return prompts
            break
    return made(WORDS[0], words or WORDS, "the server's tokens are not words: see the totals")


def single_tokens(words: Sequence[str], tokenize: Tokenize) -> list[str] | None:
    """Those of `words` that are one token each after a space; None where the server cannot say. One request.

    Each word is sent twice in a row: where its ids repeat, there it ends.
    """
    ids = tokenize("".join(f" {word} {word}" for word in words))
    if ids is None:
        return None
    singles, at = [], 0
    for word in words:
        size = next((n for n in range(1, len(word) + 2) if ids[at : at + n] == ids[at + n : at + 2 * n]), None)
        if size is None:
            return []
        if size == 1:
            singles.append(word)
        at += 2 * size
    return singles if at == len(ids) else []
