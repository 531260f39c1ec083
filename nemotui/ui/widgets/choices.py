"""A list of which one is taken, by the keys of every list."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.widgets import OptionList

from nemotui.ui.keys import bindings
from nemotui.ui.widgets.details import within


class Choices(OptionList, inherit_bindings=False):
    """Textual's, but its keys are of the table: they can be others, and the footer says them. Long ones scroll."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("choices")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return within(super().get_content_height(container, viewport, width), viewport)
