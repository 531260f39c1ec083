"""What is pasted, cut out of what the terminal sends before anything reads keys in it.

Textual's parser hands on as keys whatever sequence stands in a pasted text, though who wrote that text is not who sits
at the keyboard.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual import events
from textual.message import Message

from nemotui.core.text import plain

LONGEST = 1_000_000  # characters
_BEGIN, _END = "\x1b[200~", "\x1b[201~"


class PastedTooMuch(Message):
    """Of what is longer than the longest nothing is taken: a part of it would pass for the whole."""


class Pastes:
    """Where a paste begins and ends, however its marks are spread over what is read at once."""

    def __init__(self) -> None:
        self.begun = False  # of one, the end has yet to come
        self._last = ""  # characters that the next mark may have begun with
        self._parts: list[str] = []
        self._length = 0

    def apart(self, text: str) -> Iterator[str | Message]:
        """What was typed, as it came, and what was pasted.

        A parser knows the beginning of a mark as soon as it came; so it is given the rest, and the end at once.
        """
        while text:
            mark = _END if self.begun else _BEGIN
            at = (self._last + text).find(mark)
            part = text if at < 0 else text[: at + len(mark) - len(self._last)]
            text = text[len(part) :]
            self._last = (self._last + part)[1 - len(mark) :] if at < 0 else ""
            if not self.begun:
                self.begun = at >= 0
                yield part + _END if self.begun else part
            else:
                self._keep(part)
                if at >= 0:
                    yield self.end()

    def _keep(self, part: str) -> None:
        self._length += len(part)
        if self._length <= LONGEST + len(_END):
            self._parts.append(part)
        else:
            self._parts.clear()

    def end(self) -> Message:
        """What came so far was all of it."""
        text, length = "".join(self._parts).removesuffix(_END), self._length
        self.begun, self._last, self._length = False, "", 0
        self._parts.clear()
        if length > LONGEST + len(_END):
            return PastedTooMuch()
        return events.Paste(plain(text.replace("\r\n", "\n").replace("\r", "\n")))
