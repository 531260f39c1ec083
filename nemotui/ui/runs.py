"""The stored runs over the console: looked through, opened, replayed, labelled, deleted, compared, reported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Input, Static

from nemotui.core.comparing import compare_stored, result_of
from nemotui.core.errors import NemotuiError
from nemotui.core.ports import Backends
from nemotui.core.report_html import html
from nemotui.core.stores import StoredRun
from nemotui.keys.keymap import key_of
from nemotui.ui.keys import bindings
from nemotui.ui.modals import Ask
from nemotui.ui.states.runs import RunsListed, RunsState
from nemotui.ui.telling import troubles_told
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.field import Field
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.run_list import chosen_line, comparison_lines, run_lines

PAGE = 200  # runs of the list; / finds what is older
_EVERY_S = 3.0  # the folder is read again: runs begin and end elsewhere
_TYPED_S = 0.15  # between two keys of a filter: who types on does not want to see what the first letter finds


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to show in the Bench pane: a run as it ended, or once more as it went."""

    run: StoredRun
    replayed: bool


class RunsScreen(Screen[Chosen | None], inherit_bindings=False):
    """A list; Enter opens, marks are compared."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("runs")

    AUTO_FOCUS: ClassVar[str | None] = ""  # the list's own keys work, not the field's

    def __init__(self, backends: Backends) -> None:
        super().__init__()
        self._b = backends
        self.state = RunsState()
        self._containing = ""
        self._offers = (False, False)  # what the footer was last drawn for
        self._asking = ""  # what is typed in the field: a filter, a label

    def compose(self) -> ComposeResult:
        with Vertical(id="runs"):
            yield Static(Content.styled("Stored runs", "bold"), id="runs-head")
            yield Field(id="runs-field", compact=True, max_length=80)
            with VerticalScroll(id="runs-scroll", can_focus=False):
                yield Canvas(id="runs-lines")
            yield Static(id="runs-below")
        yield KeyBar(docked=True)

    def on_mount(self) -> None:
        self.query_one("#runs-field").display = False
        self.run_worker(self._watch(), group="list", exclusive=True)

    async def _watch(self, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
        while True:
            await self._read()
            await self._b.clock.sleep(_EVERY_S)

    async def _read(self) -> None:
        containing = self._containing
        try:
            runs, left = await self._b.runs.listed(PAGE, containing)
            listed = RunsListed(runs=tuple(runs), left=left, containing=containing)
        except NemotuiError as error:
            listed = RunsListed(problem=error.problem)
        if containing == self._containing:  # else another text was typed meanwhile
            self._show(self.state.after(listed))

    def on_resize(self) -> None:
        """Other columns fit."""
        self.call_after_refresh(self._draw)

    def _show(self, state: RunsState) -> None:
        self.state = state
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        state, width = self.state, self.query_one("#runs-scroll").scrollable_content_region.width - 1
        lines = comparison_lines(state.comparisons, width) if state.comparisons else run_lines(state, width)
        self.query_one("#runs-lines", Canvas).show(lines)
        self.query_one("#runs-head", Static).update(self._head())
        below = "Comparing …" if state.comparing else "" if state.comparisons else chosen_line(state.chosen)
        words = Content.styled(below, "$muted")
        if state.problem is not None:
            words = Content.styled(" ".join(filter(None, (state.problem.message, state.problem.fix))), "$error")
        self.query_one("#runs-below", Static).update(words)
        if (offers := (bool(state.runs), bool(state.comparisons))) != self._offers:
            self._offers = offers
            self.refresh_bindings()

    def _head(self) -> Content:
        listed, marked = self.state.listed, len(self.state.marked)
        if self.state.comparisons:
            return Content.styled("Runs compared", "bold")
        parts = [f"{len(self.state.runs) + (listed.left if listed else 0):,}"] if listed else []
        parts += [f"with {self._containing!r}"] if self._containing else []
        parts += [f"{marked} marked"] if marked else []
        return Content.assemble(("Stored runs", "bold"), ("  " + " · ".join(parts), "$muted"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        if action in ("open", "mark", "ask", "delete", "compare"):
            listed = not self.state.comparisons
            return listed and (bool(self.state.runs) or (action == "ask" and parameters == ("filter",)))
        return bool(self.state.runs) if action == "report" else True

    # -- keys

    def action_open(self, replayed: bool) -> None:
        """Its result, or its way there, in the Bench pane."""
        run = self.state.chosen
        if run is None:
            return
        if run.status == "broken":
            self.notify(f"{run.name} cannot be read: {run.problem}", severity="warning")
        elif replayed and run.status == "running":
            self.notify(f"{run.name} goes on: {key_of('runs-open')} follows it.", severity="warning")
        else:
            self.dismiss(Chosen(run, replayed))

    def action_mark(self) -> None:
        """For a comparison or a report."""
        self._show(self.state.with_mark())

    def action_compare(self) -> None:
        """Those marked with the first of them; one alone with the published row of its hardware."""
        runs = self.state.taken
        if runs:
            self._show(replace(self.state, comparing=True, problem=None))
            self.run_worker(self._compare(runs), group="compare", exclusive=True)

    async def _compare(self, runs: tuple[StoredRun, ...]) -> None:
        try:
            self._show(self.state.after(await compare_stored(self._b, runs if len(runs) > 1 else (None, *runs))))
            self.query_one("#runs-scroll").scroll_home(animate=False)
        except NemotuiError as error:
            self._show(self.state.after(error.problem))

    def action_report(self) -> None:
        """As one HTML page, in the directory of the first."""
        if self.state.taken:
            self.run_worker(self._report(self.state.taken), group="report", exclusive=True)

    async def _report(self, runs: tuple[StoredRun, ...]) -> None:
        with troubles_told(self):
            told = [await self._b.runs.report(run, await result_of(self._b, run)) for run in runs]
            compared = await compare_stored(self._b, runs) if len(runs) > 1 else []
            name = "report.html" if len(runs) == 1 else "comparison.html"
            path = await self._b.runs.write_report(runs[0], name, html(told, compared))
            self.notify(f"The report is written: {path}", timeout=15)

    def action_ask(self, what: str) -> None:
        """Into the field: for a filter, for a label."""
        run, field = self.state.chosen, self.query_one("#runs-field", Field)
        if what == "label" and run is None:
            return
        label = (run.spec.label or "") if run and run.spec else ""
        self._asking = what
        field.placeholder = "a text in name, label or model" if what == "filter" else "the run's label"
        field.value = self._containing if what == "filter" else label
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter holds while it is typed."""
        event.stop()
        if self._asking == "filter":
            self._filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: the filter stays, the label is given."""
        event.stop()
        asking, run = self._asking, self.state.chosen
        self._leave_field()
        if asking == "label" and run is not None:
            self.run_worker(self._label(run, event.value.strip()), group="label", exclusive=True)

    async def _label(self, run: StoredRun, label: str) -> None:
        with troubles_told(self):
            await self._b.runs.label(run, label)
        await self._read()

    def action_delete(self) -> None:
        """Ask, then delete."""
        run = self.state.chosen
        if run is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._delete(run), group="delete")

        self.app.push_screen(Ask(f"Delete {run.name} and all that it measured?", "Delete"), answered)

    async def _delete(self, run: StoredRun) -> None:
        with troubles_told(self):
            await self._b.runs.delete(run)
            self._show(self.state.without(run.path))
        await self._read()

    def action_back(self) -> None:
        """Out of the field, out of a comparison, out of the filter, out of the list."""
        if self._asking:
            if self._asking == "filter":
                self._filter("")
            self._leave_field()
        elif self.state.comparisons or self.state.problem:
            self._show(replace(self.state, comparisons=(), problem=None))
        elif self._containing:
            self._filter("")
        else:
            self.dismiss(None)

    def _filter(self, containing: str) -> None:
        if containing != self._containing:
            self._containing = containing
            self.run_worker(self._watch(_TYPED_S), group="list", exclusive=True)

    def _leave_field(self) -> None:
        self._asking = ""
        self.query_one("#runs-field").display = False
        self.set_focus(None)

    def action_move(self, rows: int) -> None:
        """Along the list, or through a comparison."""
        scroll = self.query_one("#runs-scroll")
        if self.state.comparisons:
            scroll.scroll_relative(y=rows, animate=False)
            return
        self._show(self.state.moved(rows))
        # The head comes with the first run.
        top = 0 if self.state.row == 0 else self.state.row + 1
        scroll.scroll_to_region(Region(0, top, 1, 1 + (self.state.row == 0)), animate=False)

    def action_page(self, pages: int) -> None:
        """A window further."""
        self.action_move(pages * max(1, self.query_one("#runs-scroll").size.height - 2))
