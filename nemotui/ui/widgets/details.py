"""What a dialog has to say besides its question, and how high a part of it may be."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.geometry import Size

_REST = 11  # lines of a dialog besides: its border, question, fields and keys
_LEAST = 3


class Details(VerticalScroll):
    """As high as it is, as far as there is room."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return within(super().get_content_height(container, viewport, width), viewport)


def within(lines: int, viewport: Size) -> int:
    """So many lines of a dialog, or as many as leave room for the rest of it.

    A `max-height` would not do: Textual makes the dialog around it as high as without.
    """
    return min(lines, max(_LEAST, viewport.height - _REST))
