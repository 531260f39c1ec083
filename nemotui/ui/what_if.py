"""What if other GPUs were here: the whole catalogue to pick from, and how many of them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from nemotui.core.chip import Chip
from nemotui.core.hardware import Machine
from nemotui.core.memory import GIB
from nemotui.ui.keys import bindings
from nemotui.ui.states.what_if import COUNTS, WhatIf
from nemotui.ui.widgets.choices import Choices
from nemotui.ui.widgets.field import Field
from nemotui.ui.widgets.key_bar import KeyBar

_KEYS = (("enter", "Plan for it"), ("up down", "Chip"))


class Words(Field):
    """Narrows the list; the arrows are the list's and the count's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move(-1)", "Up", show=False),
        Binding("down", "screen.move(1)", "Down", show=False),
        Binding("pageup", "screen.move(-8)", "Page up", show=False),
        Binding("pagedown", "screen.move(8)", "Page down", show=False),
        Binding("left", "screen.count(-1)", "Fewer", show=False),
        Binding("right", "screen.count(1)", "More", show=False),
    ]


class Chips(Choices):
    """The catalogue; the words keep the focus."""

    can_focus = False


class WhatIfScreen(ModalScreen[tuple[Machine | None, str]], inherit_bindings=False):
    """Enter plans for the row under the cursor, Esc leaves things as they are."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("what-if")

    def __init__(self, state: WhatIf) -> None:
        super().__init__()
        self._state = state

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static("What if other GPUs were here?", id="question")
            yield Words(placeholder="type to narrow the list, such as h100 or 8xh200", compact=True, max_length=80)
            yield Static(id="counts")
            yield Chips(compact=True, markup=False)
            yield KeyBar(first=_KEYS)

    def on_mount(self) -> None:
        """The list as it is before a word is typed."""
        self._fill()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Other words."""
        event.stop()
        self._state = self._state.typed(event.value)
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: this one."""
        event.stop()
        self._choose()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click: that one."""
        event.stop()
        self._state = self._state.moved(event.option_index - self._state.row)
        self._choose()

    def action_move(self, rows: int) -> None:
        """Along the list."""
        self._state = self._state.moved(rows)
        self._draw()

    def action_count(self, step: int) -> None:
        """More of them, or fewer."""
        self._state = self._state.counted(step)
        self._draw()

    def _choose(self) -> None:
        if (chosen := self._state.chosen) is not None:
            self.dismiss(chosen)

    def _fill(self) -> None:
        chips = self.query_one(Chips)
        chips.clear_options()
        chips.add_options([Option(_row(chip)) for chip in self._state.rows])
        if not self._state.rows:
            chips.add_option(Option(Content.styled("No chip of the catalogue is called so", "$warning"), disabled=True))
        self._draw()

    def _draw(self) -> None:
        self.query_one(Chips).highlighted = self._state.row if self._state.rows else None
        counts = [
            Content.styled(f"[{count}]", "bold $accent") if count == self._state.count else Content(f" {count} ")
            for count in COUNTS
        ]
        self.query_one("#counts", Static).update(
            Content.assemble(("how many ", "$muted"), *counts, ("   Left Right", "$muted"))
        )


def _row(chip: Chip | None) -> Content:
    """One chip and what matters of it here."""
    if chip is None:
        return Content("the GPUs that are here")
    return Content.assemble(
        f"{chip.name:<24}",
        (f"{chip.cuda_total_bytes / GIB:>6.1f} GiB  {chip.bandwidth_bytes_per_s / 1e12:>5.2f} TB/s", "$muted"),
        (f"  {chip.compute_capability:>4}", "$muted"),
    )
