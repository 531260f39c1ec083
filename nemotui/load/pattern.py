"""The fast path: a token chunk that looks like the one before it needs no parser."""

from __future__ import annotations

import re

# The text of a token chunk, in one whole HTTP chunk of one event: what is before and after it stays as it is.
_TOKEN = re.compile(
    rb'[0-9a-fA-F]+\r\n(data:[^\n]*?"(?:content|reasoning|reasoning_content|text)":")(?:[^"\\\n]|\\.)+("[^\n]*\n\n\r\n)'
)
_SIZES = {size: n for n in range(1 << 14) for size in (b"%x" % n, b"%X" % n)}


class Pattern:
    """Learned from the bytes of one token chunk that the parsers have read; says whether others are the same.

    They are when they are one whole HTTP chunk with one whole event that differs from that one in its text alone, and
    has some. Only valid where an HTTP chunk and an event begin, and within one reply.
    """

    __slots__ = ("_after", "_around", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._around = len(before) + len(after)

    @classmethod
    def learn(cls, data: bytes) -> Pattern | None:
        """None where it has not that shape."""
        found = _TOKEN.fullmatch(data)
        pattern = cls(*found.groups()) if found else None
        return pattern if pattern is not None and pattern.fits(data) else None

    def fits(self, data: bytes) -> bool:
        """Whether this is another one."""
        head, size = data.find(b"\r\n", 0, 8), len(data)
        return (
            data.endswith(self._after)
            and data.startswith(self._before, head + 2)
            and size > head + 2 + self._around
            and data.find(b"\n\n") == size - 4
            and _SIZES.get(data[:head]) == size - head - 4
        )
