"""Bench: a form for the shape, the run as it goes, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from nemotui.core.bench import BenchSpec, TimelinePoint
from nemotui.core.show import number
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.bench_form import FIELDS, BenchForm
from nemotui.ui.widgets.bench_words import idle, progress, report
from nemotui.ui.widgets.chart import Chart
from nemotui.ui.widgets.field import Field

_LABELS = {
    "input_len": "input",
    "output_len": "output",
    "num_prompts": "prompts",
    "max_concurrency": "concurrency",
    "mode": "mode",
}
_WIDE = 100  # columns from which the form is one line and the charts stand side by side
_CHARTS_ABOVE_RESULT = 26  # lines of the pane from which a result leaves room for them


class BenchPane(Pane[BenchState]):
    """The form above, then the run."""

    LABEL: ClassVar[str] = "Bench"
    DRAW_EVERY_S: ClassVar[float] = 0.2  # a run of long ago is read in one go
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Measure", tooltip="Start a benchmark of this shape", id="bench-start"),
        Binding("p", "preset", "Preset", tooltip="Quick, published, or your own figures", id="bench-preset"),
        Binding("e", "edit", "Edit", tooltip="Into the fields; Tab goes on, Esc comes back", id="bench-edit"),
        Binding("x", "stop", "Stop", tooltip="End the run; what it has measured is kept", id="bench-stop"),
        Binding("up,k", "scroll(-1)", "Up", tooltip="Scroll the result up", id="bench-up", show=False),
        Binding("down,j", "scroll(1)", "Down", tooltip="Scroll the result down", id="bench-down", show=False),
    ]

    @dataclass
    class Start(Message):
        """Run a benchmark of this shape: fields of `BenchSpec`."""

        shape: dict[str, Any]

    @dataclass
    class Stop(Message):
        """End this run; it keeps what it has."""

        run: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._form = BenchForm()
        self._formed_of: BenchSpec | None = None  # the run whose shape was put into the form
        self._tried = False  # Enter was pressed on a form that is wrong
        self._running = False  # as the footer was last drawn

    def compose(self) -> ComposeResult:
        with Horizontal(id="bench-form"):
            for group in (FIELDS[:2], FIELDS[2:]):
                with Horizontal(classes="group"):
                    if group[0] == FIELDS[0]:
                        yield Static(id="preset")
                    for name in group:
                        yield Static(Content.styled(_LABELS[name], "$muted"), classes="label")
                        yield Field(self._form.texts[name], id=name, classes="field", compact=True, max_length=12)
        yield Static(id="wrong")
        yield Static(id="progress")
        with Horizontal(id="charts"):
            yield Chart("TTFT", "ms", id="ttft")
            yield Chart("ITL", "ms", id="itl")
            yield Chart("output", "tok/s", id="throughput")
        with VerticalScroll(id="report", can_focus=False):
            yield Static()

    def on_resize(self, event: events.Resize) -> None:
        """One line or two, side by side or stacked: it depends on the room."""
        self.set_class(event.size.width < _WIDE, "narrow")
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        state = self.state
        if state is None:
            return
        if state.spec is not None and state.spec is not self._formed_of:
            self._formed_of = state.spec
            self._fill(BenchForm.of(state.spec))
        if state.running is not self._running:
            self._running = state.running
            self.set_class(state.running, "running")
            self.refresh_bindings()
        self._draw_form()
        self.query_one("#progress", Static).update(progress(state, self.size.width))
        self._draw_charts(state)
        report_ = self.query_one("#report", VerticalScroll)
        report_.display = not state.running
        if report_.display:
            words = idle(state, self._form) if state.stage == "idle" else report(state, self.size.width)
            report_.query_one(Static).update(words)

    def _draw_form(self) -> None:
        form = self._form
        self.query_one("#preset", Static).update(
            Content.assemble(("preset ", "$muted"), (f"{form.preset:<10}", "bold $primary"))
        )
        wrong = form.wrong if self._tried else {}
        for name in FIELDS:
            self.query_one(f"#{name}").set_class(name in wrong, "-invalid")
        self.query_one("#wrong", Static).update(
            Content.styled("; ".join(f"{_LABELS[name]}: {words}" for name, words in wrong.items()), "$error")
        )

    def _draw_charts(self, state: BenchState) -> None:
        charts = self.query_one("#charts")
        room = state.running or self.size.height >= _CHARTS_ABOVE_RESULT
        charts.display = room and bool(state.points)
        if not charts.display:
            return
        latest = state.points[-1]
        self.query_one("#ttft", Chart).show(
            state.history(lambda point: point.ttft.p50_ms), _quantiles(latest, "ttft_so_far", 0)
        )
        self.query_one("#itl", Chart).show(
            state.history(lambda point: point.itl.p50_ms), _quantiles(latest, "itl_so_far", 1)
        )
        self.query_one("#throughput", Chart).show(
            state.history(lambda point: point.output_throughput), number(latest.output_throughput, "tok/s")
        )

    def _fill(self, form: BenchForm) -> None:
        """Another form: what stands in the fields follows."""
        self._form, self._tried = form, False
        for name in FIELDS:
            field = self.query_one(f"#{name}", Input)
            if field.value != form.texts[name]:
                field.value = form.texts[name]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers to start what does not run, and to stop what does."""
        running = self.live is not None and self.live.running
        return {"start": not running, "preset": not running, "edit": not running, "stop": running}.get(action, True)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A field was typed into, or filled."""
        if event.input.id in FIELDS:
            self._form = self._form.typed(event.input.id, event.value)
            self._draw_form()

    def on_input_submitted(self) -> None:
        """Enter in a field starts, as it does in the pane."""
        self.action_start()

    def action_start(self) -> None:
        """Start, if the form is right and nothing runs."""
        self._tried = True
        self._draw_form()
        if self._form.wrong:
            self.query_one(f"#{next(iter(self._form.wrong))}").focus()
            return
        self.focus()
        self.post_message(self.Start(self._form.shape))

    def action_preset(self) -> None:
        """The next preset."""
        self._fill(self._form.next_preset())
        self.draw()

    def action_edit(self) -> None:
        """Into the first field."""
        self.query_one(f"#{FIELDS[0]}").focus()

    def action_stop(self) -> None:
        """End the run."""
        if self.live is None or not self.live.running or self.live.run is None:
            self.notify("No benchmark runs.", severity="warning")
            return
        self.notify("Stopping the run. What it has measured is kept.")
        self.post_message(self.Stop(self.live.run))

    def action_scroll(self, lines: int) -> None:
        """Through a result that is longer than the window."""
        self.query_one("#report").scroll_relative(y=lines, animate=False)


def _quantiles(point: TimelinePoint, name: str, digits: int) -> str:
    so_far = getattr(point, name)
    return f"p50 {number(so_far.p50_ms, digits=digits)} p99 {number(so_far.p99_ms, 'ms', digits)}"
