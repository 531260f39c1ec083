"""The one way in which the name of a file is made of a time and of somebody's words: a label, a title, a container."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

MOST: Final = 48  # characters of words: with four bytes each there is still room for the rest of a name


def file_time(at: float) -> str:
    """Unix time as the names of files begin with it, in UTC, so that they sort by it: `20261127T190512Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def file_words(text: str) -> str:
    """What of these words can stand in a name: letters, digits, `_` and `.`, a dash for all else; "" for nothing.

    It never is a path, hidden, or longer than a file system takes.
    """
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:MOST].rstrip("-.")


def timed_name(at: float, text: str, otherwise: str) -> str:
    """`20261127T190512Z-my-label`; `otherwise` stands where nothing of the words can."""
    return f"{file_time(at)}-{file_words(text) or otherwise}"
