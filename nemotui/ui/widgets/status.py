"""The two lines above every pane: what is served, where and how it is doing; and which pane this is."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from nemotui.core.advisor import Advice
from nemotui.ui.states.server import ServerState


class StatusLine(Widget):
    """One line of words about the server. Colour repeats what the sign and the words say."""

    DEFAULT_CSS = (
        "StatusLine { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    )
    state: reactive[ServerState] = reactive(ServerState(), repaint=False)
    paused: reactive[bool] = reactive(False, repaint=False)
    _words = Content("")

    def watch_state(self) -> None:
        self._say()

    def watch_paused(self) -> None:
        self._say()

    def render(self) -> Content:
        return self._words

    def on_resize(self) -> None:
        self._say()

    def _say(self) -> None:
        """Drawn again only where the words are others: a server at rest is sampled all the time."""
        state = self.state
        headline, details = state.line((self.content_size.width or 1000) - 2 - (9 if self.paused else 0))
        parts = [(f"{state.sign} ", f"${state.tone}"), (headline, "bold"), (details, "$muted")]
        if self.paused:
            parts.insert(0, (" PAUSED ", "bold $background on $warning"))
            parts.insert(1, (" ", ""))
        words = Content.assemble(*parts)
        if not words.is_same(self._words):
            self._words = words
            self.refresh()


class Notice(Widget):
    """What there is to say of the server, the gravest first; a line that is there only then."""

    DEFAULT_CSS = "Notice { height: 1; display: none; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    advice: reactive[tuple[Advice, ...]] = reactive(())

    def watch_advice(self) -> None:
        self.display = bool(self.advice)

    def render(self) -> Content:
        if not self.advice:
            return Content("")
        first = self.advice[0]
        colour = "$error" if first.kind == "hung" else "$warning"
        more = f"! all {len(self.advice)}" if len(self.advice) > 1 else "! more"
        room = self.content_size.width - len(more) - 3
        words = str(first) if len(str(first)) <= room else first.message
        words = words if len(words) <= room else f"{words[: max(0, room - 1)]}…"
        return Content.assemble((words, f"bold {colour}"), (f"   {more}", "$muted"))


class PaneBar(Widget):
    """The panes by number; the one that is shown stands out."""

    DEFAULT_CSS = "PaneBar { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    current: reactive[str] = reactive("gpus")

    def __init__(self, labels: dict[str, str], aside: str) -> None:
        super().__init__()
        self._labels = labels
        self._aside = aside

    def render(self) -> Content:
        width = self.content_size.width
        tabs = Content("  ").join(
            Content.assemble(
                (f" {number} {label} ", "bold $background on $primary" if pane == self.current else "$muted")
            )
            for number, (pane, label) in enumerate(self._labels.items(), 1)
        )
        room = width - tabs.cell_length
        if room < len(self._aside) + 2:
            return tabs
        return Content.assemble(tabs, " " * (room - len(self._aside)), (self._aside, "$muted"))
