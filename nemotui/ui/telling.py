"""What goes wrong is told in one of two ways.

What a key was to do and could not is told in a message that goes by itself: the picture is as it was. What ends or
keeps away what a place shows (a start, a run, an answer, a list) is an event of its state, and stands there until
another takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from textual.message_pump import MessagePump

from nemotui.core.errors import NemotuiError


@contextmanager
def troubles_told(where: MessagePump) -> Iterator[None]:
    """What is done in this block on behalf of a key; what keeps it from being done is told, and goes no further."""
    try:
        yield
    except NemotuiError as error:
        where.app.notify(str(error), severity="error")
