"""The line above every pane: what is served, where and how it is doing; and what there is to say of it."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from nemotui.core.advisor import Advice
from nemotui.core.show import cut
from nemotui.keys.keymap import key_of
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
        more = f"{key_of('advice')} " + (f"all {len(self.advice)}" if len(self.advice) > 1 else "more")
        room = self.content_size.width - len(more) - 3
        words = str(first) if len(str(first)) <= room else first.message
        return Content.assemble((cut(words, room), f"bold {colour}"), (f"   {more}", "$muted"))
