"""The first time: five lines on how to find one's way. Any key takes them away, and does what it does."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

LINES = (
    ("1 to 5", "GPUs, plans, log, benchmarks, chat; on top: what is served"),
    ("2 Enter", "the best plan here: first its command and what is in its way"),
    ("4 Enter", "measures the server; 5 asks it, in each reasoning mode"),
    ("? and :", "the keys of a pane, every action by name; below: keys of now"),
    ("q", "leaves; server and benchmark go on, and are here next time"),
)
_KEY = 9


class Tour(Vertical):
    """Over the last lines of the pane; it has no focus and stops no key."""

    DEFAULT_CSS = """
    Tour { dock: bottom; height: auto; margin-bottom: 1; padding: 0 1; background: $panel; border: round $primary; }
    Tour Static { height: auto; }
    """
    BORDER_TITLE = "The first time"
    BORDER_SUBTITLE = "any key"

    def compose(self) -> ComposeResult:
        for key, words in LINES:
            yield Static(Content.assemble((f"{key:<{_KEY}}", "bold $primary"), words))

    def on_mount(self) -> None:
        """There has to be something left to see of the pane."""
        self.display = self.app.size.height >= 2 * len(LINES) + 4
