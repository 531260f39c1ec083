"""Plausible English from a seed: thinking that reads as thinking, answers that read as answers. It means nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator

_TOPICS = (
    "the scheduler", "the cache", "a longer prompt", "the batch", "each request", "the router", "the second layer",
    "memory bandwidth", "the queue", "a smaller model", "the expert", "the first token", "the state", "the network",
)  # fmt: skip
_VERBS = (
    "waits for", "depends on", "shares time with", "is bound by", "moves before", "costs more than", "follows",
    "can replace", "should not block", "is measured against", "grows with", "stays below",
)  # fmt: skip
_ENDINGS = (
    "in most cases", "when the load is high", "as the numbers show", "on every step", "until the batch is full",
    "for a short while", "which is what we want", "and that is easy to check", "if nothing else changes", "by design",
)  # fmt: skip
_THINKING = (
    "Let me check this first", "The user wants a clear answer", "I should be careful here", "Wait, one more point",
    "So the next step is simple", "That seems right", "I can put it more simply", "Let me count again",
)  # fmt: skip
_BULLETS = ("Start small", "Measure first", "Change one thing", "Keep the result", "Compare with the base", "Repeat")


def thinking(rng: random.Random) -> Iterator[str]:
    """Sentences without end, as the model says them to itself."""
    yield "The user sent a message."
    while True:
        opener = rng.choice(_THINKING)
        if rng.random() < 0.5:
            yield f" {opener}."
        else:
            yield f" {opener}: {rng.choice(_TOPICS)} {rng.choice(_VERBS)} {rng.choice(_TOPICS)}."


def answer(rng: random.Random) -> Iterator[str]:
    """Paragraphs without end, with a list, a table and code among them as a Markdown answer has."""
    yield "Here is the short version."
    while True:
        for _ in range(rng.randint(2, 4)):
            yield f" {_sentence(rng)}"
        block = rng.randrange(4)
        if block == 0:
            bullets = rng.sample(_BULLETS, 3)
            yield "\n\n" + "\n".join(f"- **{b}**: {_sentence(rng)}" for b in bullets)
        elif block == 1:
            size = rng.choice((8, 16, 32))
            yield f"\n\n```python\nfor batch in range(1, {size}):\n    print(batch, step_time(batch))\n```"
        elif block == 2:
            low, high = rng.randint(5, 20), rng.randint(21, 60)
            yield f"\n\n| batch | ms |\n|---|---|\n| 1 | {low} |\n| 32 | {high} |"
        yield f"\n\n{_sentence(rng)}"


def _sentence(rng: random.Random) -> str:
    a, b = rng.sample(_TOPICS, 2)
    text = f"{a} {rng.choice(_VERBS)} {b} {rng.choice(_ENDINGS)}."
    return text[0].upper() + text[1:]
