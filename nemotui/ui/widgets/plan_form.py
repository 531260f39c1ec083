"""The settings of a plan as fields: what is typed replans at once, Up and Down bring what is offered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from nemotui.ui.states.plan_form import FIELDS, PlanForm, offered
from nemotui.ui.widgets.field import Field

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "context": "context",
        "max_num_seqs": "sequences",
        "mtp": "MTP tokens",
        "kv_cache_dtype": "KV dtype",
        "gpu_memory_utilization": "utilisation",
        "expert_parallel": "expert par.",
        "prefix_caching": "prefix cache",
        "port": "port",
        "image": "image",
    }
)
_CELL = 26  # a label and its field


class Setting(Field):
    """One field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "offer(-1)", "Value before", tooltip="The value before", show=False),
        Binding("down", "offer(1)", "Next value", tooltip="The next value that is offered", show=False),
    ]

    def action_offer(self, step: int) -> None:
        """The next value that is offered."""
        assert self.name is not None
        self.value = offered(self.name, self.value, step)
        self.action_select_all()  # what is typed next replaces it


class PlanFields(Grid):
    """All of them, in as many columns as there is room for; shown while one of them has the focus."""

    def compose(self) -> ComposeResult:
        for name in FIELDS:
            with Horizontal(classes="setting"):
                yield Static(Content.styled(f"{_LABELS[name]:<13}", "$muted"), classes="label")
                yield Setting(name=name, placeholder="ours", compact=True, max_length=200, classes="field")

    @property
    def settings(self) -> Iterator[Setting]:
        """The fields in their order."""
        return iter(self.query(Setting).results(Setting))

    def fill(self, form: PlanForm) -> None:
        """Put these texts into the fields, without a word to anybody."""
        for setting in self.settings:
            with setting.prevent(Input.Changed):
                setting.value = form.texts[setting.name or ""]

    def enter(self) -> None:
        """Show the fields and go into the first."""
        self.display = True
        next(self.settings).focus()

    def on_resize(self) -> None:
        """Whole columns only."""
        self.styles.grid_size_columns = max(1, self.size.width // _CELL)
