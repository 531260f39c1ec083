"""Logs: what the server writes, followed, or held still for its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input, Static

from nemotui.core.logs import LogLine, head
from nemotui.core.ports import Container
from nemotui.keys.keymap import key_of
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.log_view import CONTEXTS, LogView
from nemotui.ui.states.logs import LogsState
from nemotui.ui.telling import troubles_told
from nemotui.ui.widgets.field import Field
from nemotui.ui.widgets.lines import Lines
from nemotui.ui.widgets.log_words import figures_words, head_words, nothing_words

_ASK = {
    "search": ("logs-search", "text to look for"),
    "filter": ("logs-filter", 'terms that a line must have; !term: must not; "two words"; level:warning'),
    "minutes": ("logs-minutes", "minutes: only lines of the last so many; empty for all"),
}
_SOMETIMES = ("save", "next", "to_mark", "context", "copy", "follow")  # what is offered at times


class LogsPane(Pane[LogsState]):
    """A line about the container, and its log. Away from the end, the view holds: nothing moves under its reader."""

    LABEL: ClassVar[str] = "Logs"
    DRAW_EVERY_S: ClassVar[float] = 0.2  # batches that come faster are drawn together
    SLOW_S: ClassVar[float] = 2.0
    KEYS_FIRST_S: ClassVar[float] = 0.1
    BINDINGS: ClassVar[list[BindingType]] = bindings("logs")

    @dataclass
    class Save(Message):
        """The whole log of this container is wanted in a file."""

        container: Container

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._container: str | None = None
        self._asked = ""
        self._said = ""  # what the last search, jump or copy came to
        self._offers: tuple[bool, ...] = ()  # what the footer was last drawn for

    def compose(self) -> ComposeResult:
        yield Static(id="log-head")
        yield Static(id="log-figures")
        yield Static(id="no-log")
        yield Lines()
        yield Field(id="log-field")

    @property
    def lines(self) -> Lines:
        return self.query_one(Lines)

    def _draw(self, state: LogsState) -> None:
        lines = self.lines
        container = state.container.id if state.container else None
        if container != self._container:
            self._container, lines.following = container, True
            lines.view = replace(lines.view, marks=())
            lines.show((), 0)
        if lines.following and state.total != lines.total:
            lines.show(state.lines, state.total)
        self._draw_words(state)

    def _draw_words(self, state: LogsState) -> None:
        lines = self.lines
        if (offers := tuple(self.check_action(action, ()) for action in _SOMETIMES)) != self._offers:
            self._offers = offers
            self.refresh_bindings()
        lines.waiting = state.total - lines.total
        held = None if lines.following else lines.waiting
        self.query_one("#log-head", Static).update(head_words(state, held), layout=False)
        figures = self.query_one("#log-figures", Static)
        figures.update(figures_words(state, lines.view, lines.shown, self._said), layout=False)
        nothing = self.query_one("#no-log", Static)
        nothing.display = not lines.shown
        lines.display = bool(lines.shown)
        if not lines.shown:
            nothing.update(nothing_words(state))

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """Away from the end or back to it: held or followed. At the end of what is held, what has come since joins."""
        state, lines = self.state, self.lines
        if state is None:
            return
        if event.to_end and not lines.following and state.total != lines.total:
            lines.show(state.lines, state.total)
        self._draw_words(state)

    def leave_field(self) -> None:
        """Escape: out of the field, else without the search, else without the filter."""
        view = self.lines.view
        field = self.query_one("#log-field", Field)
        if field.display:
            self._close(field)
        elif view.sought:
            self._look(view.seek(""))
        elif view.filter.seeks or view.filter.since is not None:
            self._look(replace(view, filter=replace(view.filter.typed(""), since=None)))
        self.focus()

    def _close(self, field: Field) -> None:
        field.display = False
        self.focus()

    def _look(self, view: LogView, said: str = "") -> None:
        self._said = said
        self.lines.look(view)
        if self.state is not None:
            self._draw_words(self.state)

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key is offered that would do nothing."""
        state, view = self.live or LogsState(), self.lines.view
        match action:
            case "save":
                return state.container is not None
            case "next":
                return view.sought is not None
            case "to_mark":
                return bool(view.marks)
            case "context":
                return view.filter.seeks
            case "copy" | "mark" | "error":
                return bool(self.lines.shown)
            case "follow" | "ask" | "wrap" | "times" | "whole" | "routine":
                return bool(state.lines)
        return True

    def action_ask(self, what: str) -> None:
        """A field at the bottom for what is sought, the filter's terms, or a number of minutes."""
        self._asked = what
        action, placeholder = _ASK[what]
        if what == "search":
            placeholder += f"; {key_of('logs-next')} and {key_of('logs-previous')} go on"
        field = self.query_one("#log-field", Field)
        field.border_title, field.placeholder = key_of(action), placeholder
        field.value = self.lines.view.filter.text if what == "filter" else ""
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        view, text = self.lines.view, event.value.strip()
        self._close(self.query_one("#log-field", Field))
        if self._asked == "search":
            self._look(view.seek(text))
            if text:
                self.action_next(False)
        elif self._asked == "filter":
            with troubles_told(self):
                self._look(replace(view, filter=view.filter.typed(text)))
        else:
            self._last_minutes(text)

    def _last_minutes(self, text: str) -> None:
        view = self.lines.view
        try:
            minutes = float(text) if text else None
        except ValueError:
            minutes = -1
        if minutes is not None and not 0 < minutes < 1e6:
            self.notify("Give a number of minutes, such as 10.", severity="error")
            return
        since = None if minutes is None or self.state is None else self.state.minutes_ago(minutes)
        self._look(replace(view, filter=replace(view.filter, since=since)))

    def action_next(self, back: bool) -> None:
        """The next line with what is sought."""
        sought = self.lines.view.sought
        if sought is not None:
            self._to(lambda line: sought.search(self.lines.drawn(line)), back, "found", "not found")

    def action_error(self, back: bool) -> None:
        """The next error."""
        self._to(lambda line: head(line.text).level == "error", back, "error", "no errors here")

    def _to(self, wanted: Callable[[LogLine], object], back: bool, name: str, none: str) -> None:
        found = self.lines.seek(wanted, back)
        self._said = f"{name} {found[0]:,} of {found[1]:,}" if found else none
        if self.state is not None:
            self._draw_words(self.state)

    def action_mark(self) -> None:
        """Mark the line where the reader is; a second time, it is not any more."""
        if self.lines.shown:
            self._look(self.lines.view.marked(self.lines.cursor))

    def action_to_mark(self) -> None:
        """To the nearest mark above, from the first one to the last."""
        marks = sorted(self.lines.view.marks)
        self.lines.go(next((mark for mark in reversed(marks) if mark < self.lines.cursor), marks[-1]))

    def action_context(self) -> None:
        """More lines around each found one, or none."""
        view = self.lines.view
        self._look(replace(view, context=CONTEXTS[(CONTEXTS.index(view.context) + 1) % len(CONTEXTS)]))

    def action_wrap(self) -> None:
        """Long lines over several rows, or cut."""
        self._look(replace(self.lines.view, wrap=not self.lines.view.wrap))

    def action_times(self) -> None:
        """The engine's time before each line."""
        self._look(replace(self.lines.view, times=not self.lines.view.times))

    def action_whole(self) -> None:
        """Each line's own head, with process id, time and source, or the short one."""
        self._look(replace(self.lines.view, whole=not self.lines.view.whole))

    def action_routine(self) -> None:
        """The engine's periodic lines and the polls of it, or not."""
        view = self.lines.view
        self._look(replace(view, filter=replace(view.filter, routine=not view.filter.routine)))

    def action_copy(self) -> None:
        """This line to the terminal's clipboard; from the last mark to it, where there is one."""
        text, count = self.lines.copied()
        if count:
            copy(self, text, f"{count:,} line{'' if count == 1 else 's'}")

    def action_save(self) -> None:
        """The whole log into a file."""
        if self.live is not None and self.live.container is not None:
            self.post_message(self.Save(self.live.container))

    def action_follow(self) -> None:
        """Follow, or hold the view where it is."""
        self._follow(not self.lines.following)

    def action_bottom(self) -> None:
        """The newest line."""
        self._follow(True)

    def _follow(self, yes: bool) -> None:
        self.lines.following = yes
        self.draw()
        self.lines.keep_end()

    def action_top(self) -> None:
        """The oldest line."""
        self.lines.go(0)

    def action_move(self, columns: int, lines: int) -> None:
        """A little further."""
        if lines:
            self.lines.step(lines)
        else:
            self.lines.scroll_relative(x=columns, animate=False, immediate=True)

    def action_page(self, pages: int) -> None:
        """A page further."""
        self.lines.page(pages)
