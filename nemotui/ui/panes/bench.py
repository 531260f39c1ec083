"""Bench: a form for the shape, the run as it goes, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from nemotui.core.bench import BenchSpec
from nemotui.ui.keys import bindings
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.bench_form import FIELDS, BenchForm
from nemotui.ui.widgets.bench_charts import CHARTS, grid
from nemotui.ui.widgets.bench_report import report
from nemotui.ui.widgets.bench_words import idle, progress
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.field import Field

_LABELS = {
    "input_len": "input",
    "output_len": "output",
    "num_prompts": "prompts",
    "max_concurrency": "concurrency",
    "mode": "mode",
}
_WIDE, _NARROW = 100, 76  # columns from which the form is one line, and two
_LOW = 10  # lines of the pane below which a run has them all


class BenchPane(Pane[BenchState]):
    """The form above, then the run."""

    LABEL: ClassVar[str] = "Bench"
    DRAW_EVERY_S: ClassVar[float] = 0.2  # a run of long ago is read in one go
    SLOW_S: ClassVar[float] = 4.0
    BINDINGS: ClassVar[list[BindingType]] = bindings("bench")

    @dataclass
    class Start(Message):
        """Run a benchmark of this shape: fields of `BenchSpec`."""

        shape: dict[str, Any]

    @dataclass
    class Stop(Message):
        """End this run; it keeps what it has."""

        run: str

    @dataclass
    class Copy(Message):
        """Copy the command that measures this shape with vLLM's own tool."""

        shape: dict[str, Any]

    class Runs(Message):
        """Look through the stored runs."""

    @dataclass
    class Sweep(Message):
        """Several loads in this shape."""

        shape: dict[str, Any]

    @dataclass
    class Speed(Message):
        """A replay slower, or faster, by so many steps."""

        steps: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._form = BenchForm()
        self._formed_of: BenchSpec | None = None  # the run whose shape was put into the form
        self._tried = False  # Enter was pressed on a form that is wrong
        self._footer = (False, False, False, False)  # what it was last drawn for
        self._drawn: tuple[str, dict[str, str]] | None = None  # what was last said of the form
        self._selected = 0
        self._zoomed = False

    def compose(self) -> ComposeResult:
        with Horizontal(id="bench-form"):
            for group in (FIELDS[:2], FIELDS[2:]):
                with Horizontal(classes="group"):
                    if group[0] == FIELDS[0]:
                        yield Static(id="preset")
                    for name in group:
                        with Horizontal(classes="pair"):
                            yield Static(Content.styled(_LABELS[name], "$muted"), classes="label")
                            yield Field(self._form.texts[name], id=name, classes="field", compact=True, max_length=12)
        yield Static(id="wrong")
        yield Canvas(id="progress")
        yield Canvas(id="charts")
        with VerticalScroll(id="report", can_focus=False):
            yield Canvas(id="result")

    def on_resize(self) -> None:
        """How the form lies, and what there is room for."""
        self.set_class(self.size.width < _WIDE, "narrow")
        self.set_class(self.size.width < _NARROW, "tiny")
        self.set_class(self.size.height < _LOW, "low")
        if self.missed:
            self.call_after_refresh(self.draw)  # once more, when the form lies as it will

    def _draw(self, state: BenchState) -> None:
        if state.spec is not None and state.spec is not self._formed_of:
            self._formed_of = state.spec
            self._fill(BenchForm.of(state.spec))
        charted = state.stage in ("run", "finished") and state.latest is not None
        if self._footer != (footer := (state.running, charted, state.measuring, state.served is not None)):
            self._footer = footer
            self.refresh_bindings()
        self.set_class(state.stage != "idle" and not self._in_field, "shown")
        self._draw_form()
        width = self.content_size.width
        said = progress(state, width)
        if said and not self.has_class("low"):
            said.append(Content(""))
        self.query_one("#progress", Canvas).show(said)
        words: list[Content] = []
        if not state.running:
            words = idle(state, self._form, width) if state.stage == "idle" else report(state, width - 1)
        room = self._room(state, len(said), len(words)) if charted else 0
        charts = grid(state, width, room, selected=self._selected, zoomed=self._zoomed) if room else []
        self.query_one("#charts", Canvas).show(charts)
        self.query_one("#report").display = not state.running
        self.query_one("#result", Canvas).show(words)

    @property
    def _in_field(self) -> bool:
        return isinstance(self.screen.focused, Input) and self in self.screen.focused.ancestors

    def _room(self, state: BenchState, said: int, words: int) -> int:
        """Lines for the charts: all that is left of a run, what a result spares."""
        hidden = self.has_class("low") and self.has_class("shown")
        form = 0 if hidden else self.query_one("#bench-form").outer_size.height + 1
        left = self.content_size.height - said - form
        if state.running or self._zoomed:
            return max(left, 0)
        spare = left - words
        return spare if spare >= 4 else 0

    def _draw_form(self) -> None:
        form, wrong = self._form, self._form.wrong if self._tried else {}
        if self._drawn == (form.preset, wrong):
            return
        self._drawn = form.preset, wrong
        self.query_one("#preset", Static).update(
            Content.assemble(("preset ", "$muted"), (f"{form.preset:<10}", "bold $primary"))
        )
        for name in FIELDS:
            self.query_one(f"#{name}").set_class(name in wrong, "-invalid")
        self.query_one("#wrong", Static).update(
            Content.styled("; ".join(f"{_LABELS[name]}: {words}" for name, words in wrong.items()), "$error")
        )

    def _fill(self, form: BenchForm) -> None:
        """Another form: what stands in the fields follows."""
        self._form, self._tried = form, False
        for name in FIELDS:
            field = self.query_one(f"#{name}", Input)
            if field.value != form.texts[name]:
                field.value = form.texts[name]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offered: a start where a server answers and nothing runs, a stop of what does, charts where there are some.

        In a field, Tab goes to the next one.
        """
        live, charted = self.live or BenchState(), self._footer[1]
        if action == "chart":
            return charted and self.has_focus
        offered = dict.fromkeys(("preset", "edit"), not live.measuring)
        offered |= {"start": live.served is not None and not live.measuring, "sweep": live.served is not None}
        offered |= {"stop": live.running, "zoom": charted, "speed": live.running and not live.measuring}
        return offered.get(action, True)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A field was typed into, or filled."""
        if event.input.id in FIELDS:
            self._form = self._form.typed(event.input.id, event.value)
            self._draw_form()

    def on_input_submitted(self) -> None:
        """Enter in a field starts, as it does in the pane."""
        self.action_start()

    def leave_field(self) -> None:
        """Escape: out of a field, or back to all charts."""
        if self._zoomed and self.has_focus:
            self.action_zoom()
        super().leave_field()

    def on_descendant_blur(self) -> None:
        """Out of the form, to another field of it or not."""
        self.call_after_refresh(self.draw)

    def action_start(self) -> None:
        """Start, if the form is right and nothing runs."""
        if self._is_right():
            self.focus()
            self.post_message(self.Start(self._form.shape))

    def action_copy(self) -> None:
        """Through the terminal's clipboard (OSC 52), which reaches through SSH."""
        if self._is_right():
            self.post_message(self.Copy(self._form.shape))

    def _is_right(self) -> bool:
        """Whether the form can be used; else what is wrong is said, and the cursor goes there."""
        self._tried = True
        self._draw_form()
        if self._form.wrong:
            self.query_one(f"#{next(iter(self._form.wrong))}").focus()
        return not self._form.wrong

    def action_preset(self) -> None:
        """The next preset."""
        self._fill(self._form.next_preset())
        self.draw()

    def action_edit(self) -> None:
        """Into the first field."""
        self.remove_class("shown")
        self.query_one(f"#{FIELDS[0]}").focus()

    def action_runs(self) -> None:
        """The stored runs."""
        self.post_message(self.Runs())

    def action_sweep(self) -> None:
        """Several loads in a row."""
        if self._is_right():
            self.post_message(self.Sweep(self._form.shape))

    def action_speed(self, steps: int) -> None:
        """Of a replay."""
        self.post_message(self.Speed(steps))

    def action_stop(self) -> None:
        """End the run, or be at the end of a replay."""
        if self.live is None or not self.live.running or self.live.run is None:
            self.notify("No benchmark runs.", severity="warning")
            return
        if self.live.measuring:
            self.notify("Stopping the run. What it has measured is kept.")
        self.post_message(self.Stop(self.live.run))

    def action_chart(self, steps: int) -> None:
        """Select another chart; those that have no room come when they are selected."""
        self._selected = (self._selected + steps) % len(CHARTS)
        self.draw()

    def action_zoom(self) -> None:
        """The selected chart alone, or all of them again."""
        self._zoomed = not self._zoomed
        self.draw()

    def action_scroll(self, lines: int) -> None:
        """Through a result that is longer than the window."""
        self.query_one("#report").scroll_relative(y=lines, animate=False)
