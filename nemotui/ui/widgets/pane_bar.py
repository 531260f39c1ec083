"""Which pane this is, among the others."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from nemotui.keys.keymap import key_of

# The panes in their order, known before any but the first is imported.
LABELS: Mapping[str, str] = {"gpus": "GPUs", "deploy": "Deploy", "logs": "Logs", "bench": "Bench", "chat": "Chat"}


class PaneBar(Widget):
    """The panes by their keys; the one that is shown stands out. Where there is no room, it alone has its name."""

    DEFAULT_CSS = "PaneBar { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    current: reactive[str] = reactive("gpus")
    aside: reactive[str] = reactive("")  # parts with · between

    def __init__(self, aside: str) -> None:
        super().__init__()
        self.aside = aside

    def render(self) -> Content:
        width = self.content_size.width
        tabs = self._tabs(LABELS)
        if tabs.cell_length > width:
            tabs = self._tabs({self.current: LABELS[self.current]})
        room = width - tabs.cell_length
        aside = self.aside
        while aside and len(aside) + 2 > room:  # its first part matters most
            aside = aside.rpartition(" · ")[0]
        return Content.assemble(tabs, " " * (room - len(aside)), (aside, "$muted"))

    def _tabs(self, named: Mapping[str, str]) -> Content:
        return Content("  ").join(
            Content.styled(
                f" {' '.join(filter(None, (key_of(pane), named.get(pane))))} ",
                "bold $background on $primary" if pane == self.current else "$muted",
            )
            for pane in LABELS
        )


def aside(pretend: str | None, time_scale: float) -> str:
    """What stands beside the panes' names."""
    if pretend is None:
        return ""
    speed = f", time × {time_scale:g}" if time_scale != 1 else ""
    return f"pretend machine {pretend}{speed}"
