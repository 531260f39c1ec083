"""Logs: what the server writes, followed, or held still for its reader."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from nemotui.ui.panes.base import Pane
from nemotui.ui.states.logs import LogsState
from nemotui.ui.widgets.lines import Lines

_EVERY_S = 0.1  # batches that come faster are drawn together
_STATES = {"running": "$success", "exited": "$warning", "dead": "$error"}


class LogsPane(Pane[LogsState]):
    """A line about the container, and its log. Away from the end, the view holds: nothing moves under its reader."""

    LABEL: ClassVar[str] = "Logs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", tooltip="Follow the log, or hold it", id="logs-follow"),
        Binding("g,home", "top", "Top", tooltip="The oldest line that is kept", id="logs-top"),
        Binding("G,end", "bottom", "Bottom", tooltip="The newest line, and follow", id="logs-bottom"),
        Binding("up,k", "move(0,-1)", "Up", tooltip="One line up", id="logs-up", show=False),
        Binding("down,j", "move(0,1)", "Down", tooltip="One line down", id="logs-down", show=False),
        Binding("left,h", "move(-20,0)", "Left", tooltip="Back along long lines", id="logs-left", show=False),
        Binding("right,l", "move(20,0)", "Right", tooltip="Along long lines", id="logs-right", show=False),
        Binding("pageup", "page(-1)", "Page up", tooltip="One page up", id="logs-page-up", show=False),
        Binding("pagedown", "page(1)", "Page down", tooltip="One page down", id="logs-page-down", show=False),
    ]

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._container: str | None = None
        self._total = 0  # of the container's lines, those that are shown or were
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="log-head")
        yield Static(id="no-log")
        yield Lines()

    def draw(self) -> None:
        """At once, and then not again for a moment: a flood is drawn a few times a second."""
        if self._pause is None:
            self._pause = self.set_timer(_EVERY_S, self._drawn_again)
            self._draw()

    def _drawn_again(self) -> None:
        self._pause = None
        if self.display:
            self._draw()

    def _draw(self) -> None:
        state, lines = self.state, self.query_one(Lines)
        if state is None:
            return
        container = state.container.id if state.container else None
        if container != self._container:
            self._container = container
            self._total, lines.following = 0, True
            lines.show((), 0)
        if lines.following and state.total != self._total:
            lines.show(state.lines, state.total - self._total)
            self._total = state.total
        self.query_one("#log-head", Static).update(_head(state, None if lines.following else state.total - self._total))
        nothing = self.query_one("#no-log", Static)
        nothing.display = not state.lines
        lines.display = bool(state.lines)
        nothing.update(_nothing(state))

    def on_lines_moved(self) -> None:
        """Away from the end or back to it: held or followed."""
        self._draw()

    def action_follow(self) -> None:
        """Follow, or hold the view where it is."""
        self._follow(not self.query_one(Lines).following)

    def action_bottom(self) -> None:
        """The newest line."""
        self._follow(True)

    def _follow(self, yes: bool) -> None:
        lines = self.query_one(Lines)
        lines.following = yes
        self._draw()
        lines.keep_end()

    def action_top(self) -> None:
        """The oldest line."""
        self.query_one(Lines).scroll_home(animate=False, immediate=True, x_axis=False)

    def action_move(self, columns: int, lines: int) -> None:
        """A little further."""
        self.query_one(Lines).scroll_relative(x=columns, y=lines, animate=False, immediate=True)

    def action_page(self, pages: int) -> None:
        """A page further."""
        lines = self.query_one(Lines)
        lines.scroll_relative(y=pages * max(1, lines.size.height - 1), animate=False, immediate=True)


def _head(state: LogsState, held: int | None) -> Content:
    """`held`: how many lines wait for whoever holds the view."""
    container = state.container
    if container is None:
        return Content("")
    code = "" if container.exit_code is None or container.state == "running" else f" with code {container.exit_code}"
    parts = [
        (f"{container.name}  ", "bold"),
        (f"{container.state}{code}", _STATES.get(container.state, "$muted")),
        (f"  {state.total:,} line{'' if state.total == 1 else 's'}", "$muted"),
    ]
    if state.dropped:
        parts.append((f", the oldest {state.dropped:,} dropped", "$muted"))
    if held is not None:
        parts.append((f"  paused, {held:,} new lines, f to follow", "bold $warning"))
    if state.problem is not None:
        parts.append((f"  {state.problem}", "$error"))
    return Content.assemble(*parts)


def _nothing(state: LogsState) -> Content:
    if state.container is None:
        return Content.assemble(
            ("Nothing has been started here yet.\n", "bold"),
            ("Press 2 and choose a plan: what its server writes is shown here as it comes.", "$muted"),
        )
    return Content.styled(f"{state.container.name} has written nothing yet.", "$muted")
