"""The first time: five lines on how to find one's way. Any key takes them away, and does what it does."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from nemotui.keys.keymap import key_of


def lines() -> tuple[tuple[str, str], ...]:
    """Keys, as they are in this console, and what they are for."""
    deploy, bench, chat = key_of("deploy"), key_of("bench"), key_of("chat")
    return (
        (f"{key_of('gpus')} to {chat}", "GPUs, plans, log, benchmarks, chat; on top: what is served"),
        (f"{deploy} {key_of('deploy-start')}", "the best plan here: first its command and what is in its way"),
        (f"{bench} {key_of('bench-start')}", f"measures the server; {chat} asks it, in each reasoning mode"),
        (
            f"{key_of('main-help')} and {key_of('actions')}",
            "the keys of a pane, every action by name; below: keys of now",
        ),
        (key_of("quit"), "leaves; server and benchmark go on, and are here next time"),
    )


class Tour(Vertical):
    """Over the last lines of the pane; it has no focus and stops no key."""

    DEFAULT_CSS = """
    Tour { dock: bottom; height: auto; margin-bottom: 1; padding: 0 1; background: $panel; border: round $primary; }
    Tour Horizontal { height: auto; }
    Tour .keys { width: auto; }
    Tour .words { width: 1fr; }
    """
    BORDER_TITLE = "The first time"
    BORDER_SUBTITLE = "any key"

    def compose(self) -> ComposeResult:
        said = lines()
        column = max(len(keys) for keys, _ in said) + 2
        for keys, words in said:
            with Horizontal():
                yield Static(Content.styled(f"{keys:<{column}}", "bold $primary"), classes="keys")
                yield Static(Content(words), classes="words")

    def on_mount(self) -> None:
        """There has to be something left to see of the pane."""
        self.display = self.app.size.height >= 2 * len(lines()) + 4
