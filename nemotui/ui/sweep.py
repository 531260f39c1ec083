"""A sweep over the console: concurrencies and goals, the points on their chart as they come, the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from nemotui.core.bench import BenchSpec
from nemotui.core.goodput import Objective, parse_objectives
from nemotui.core.sweep import Loads, at_once, parse_loads
from nemotui.ui.keys import bindings
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.sweep import Kind, SweepState
from nemotui.ui.telling import troubles_told
from nemotui.ui.widgets.bench_words import progress
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.field import Field
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.sweep_words import sweep_lines

LOADS, GOALS = "1,2,4,8,16,32", "ttft:500,itl:40"
Begin = Callable[[Kind, Loads, Sequence[Objective]], None]


class SweepScreen(Screen[None], inherit_bindings=False):
    """It shows what the main screen measures, and asks it to begin or to stop; leaving it ends nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("sweep")
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(
        self,
        state: SweepState,
        bench: BenchState,
        begin: Begin,
        stop: Callable[[], None],
        report: Callable[[], None],
    ) -> None:
        super().__init__()
        self._state, self._bench = state, bench
        self._begin, self._stop, self._report = begin, stop, report

    def compose(self) -> ComposeResult:
        with Vertical(id="sweep"):
            with Horizontal(id="sweep-form"):
                for name, words, text in (("loads", "loads", LOADS), ("goals", "goals ms", GOALS)):
                    yield Static(Content.styled(words, "$muted"), classes="label")
                    yield Field(text, id=name, compact=True, max_length=80)
            yield Canvas(id="sweep-progress")
            with VerticalScroll(id="sweep-scroll", can_focus=False):
                yield Canvas(id="sweep-lines")
        yield KeyBar(docked=True)

    def on_mount(self) -> None:
        self.show(self._state, self._bench)

    def on_resize(self) -> None:
        """The chart is as large as there is room."""
        self.call_after_refresh(lambda: self.show(self._state, self._bench))

    def show(self, state: SweepState, bench: BenchState) -> None:
        """Another point, or another moment of the run that goes."""
        if state.going != self._state.going:
            self.refresh_bindings()
        self._state, self._bench = state, bench
        if not self.is_mounted:
            return
        scroll = self.query_one("#sweep-scroll")
        width, height = scroll.scrollable_content_region.width - 1, scroll.size.height
        said = progress(bench, width) if state.going else []
        if state.going and bench.spec is not None:
            said = [Content.styled(_now(bench.spec), "bold"), *said]
        self.query_one("#sweep-progress", Canvas).show(said)
        self.query_one("#sweep-lines", Canvas).show(sweep_lines(state, width, height))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        going = self._state.going
        offered = {"begin": not going, "edit": not going, "stop": going, "report": self._state.reported}
        return offered.get(action, True)

    def action_begin(self, kind: Kind) -> None:
        """If the fields are right."""
        with troubles_told(self):
            loads = parse_loads(self.query_one("#loads", Input).value)
            goals = self.query_one("#goals", Input).value.strip()
            self._begin(kind, loads, parse_objectives(goals) if goals or kind == "goodput" else ())

    def on_input_submitted(self) -> None:
        """Enter in a field: its keys work again."""
        self.set_focus(None)

    def action_edit(self) -> None:
        """Into the first field."""
        self.query_one("#loads").focus()

    def action_stop(self) -> None:
        """End the run that goes, and begin no other."""
        self._stop()

    def action_report(self) -> None:
        """As one HTML page, in the directory of its first run."""
        self._report()

    def action_back(self) -> None:
        """Out of a field, or to the Bench pane."""
        if self.focused is not None:
            self.set_focus(None)
        else:
            self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Through what has no room."""
        self.query_one("#sweep-scroll").scroll_relative(y=lines, animate=False)


def _now(spec: BenchSpec) -> str:
    return f"{at_once(spec)}{'' if spec.open_loop else ' at once'}"
