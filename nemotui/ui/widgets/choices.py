"""A list of which one is taken, by the keys of every list."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import OptionList

from nemotui.ui.keys import bindings


class Choices(OptionList, inherit_bindings=False):
    """Textual's, but its keys are of the table: they can be others, and the footer says them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("choices")
