"""Figures that servers tell: what no honest one can say is unknown."""

from __future__ import annotations

from typing import TypeVar

Figure = TypeVar("Figure", int, float)

MOST_OF_A_REQUEST = 10**9  # tokens; a thousand times the longest context of any model
MOST_OF_A_SERVER = 1e15  # tokens, queries, requests since its start; a float counts exactly up to 9e15


def plausible(value: Figure | None, most: float) -> Figure | None:
    """The value, None where it is negative, above `most`, or no number."""
    return value if value is not None and 0 <= value <= most else None
