"""Which pane this is, among the others."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

# The panes in their order, known before any but the first is imported.
LABELS: Mapping[str, str] = {"gpus": "GPUs", "deploy": "Deploy", "logs": "Logs", "bench": "Bench", "chat": "Chat"}


class PaneBar(Widget):
    """The panes by number; the one that is shown stands out."""

    DEFAULT_CSS = "PaneBar { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    current: reactive[str] = reactive("gpus")
    aside: reactive[str] = reactive("")

    def __init__(self, aside: str) -> None:
        super().__init__()
        self.aside = aside

    def render(self) -> Content:
        width = self.content_size.width
        tabs = Content("  ").join(
            Content.assemble(
                (f" {number} {label} ", "bold $background on $primary" if pane == self.current else "$muted")
            )
            for number, (pane, label) in enumerate(LABELS.items(), 1)
        )
        room = width - tabs.cell_length
        if room < len(self.aside) + 2:
            return tabs
        return Content.assemble(tabs, " " * (room - len(self.aside)), (self.aside, "$muted"))
