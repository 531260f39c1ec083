"""The lab over the console: one prompt, or a batch, under several settings side by side, streaming at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Static

from nemotui.core.lab import LabState
from nemotui.core.lab_prompts import LabPrompt, typed
from nemotui.core.lab_report import as_markdown
from nemotui.core.lab_setting import DEFAULT, MOST_COLUMNS, Setting, parse_settings
from nemotui.core.lab_table import document
from nemotui.core.ports import Backends
from nemotui.keys.keymap import key_of
from nemotui.ui.inspector import Inspector
from nemotui.ui.keys import bindings
from nemotui.ui.lab_prompts import PromptsScreen
from nemotui.ui.options import Options
from nemotui.ui.states.inspected import Inspected, inspected_row
from nemotui.ui.states.lab import LabView
from nemotui.ui.telling import troubles_told
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.field import Field
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.lab_words import LabColumn, comparison, every_row, told

Begin = Callable[[Sequence[LabPrompt], Sequence[Setting]], bool]
_DRAW_EVERY_S = 0.15  # tokens come faster than anybody reads
_LOW = 20  # lines of a screen that has no room for gaps
_ROOMY = 30  # and of one that has it for sentences


class LabScreen(Screen[None], inherit_bindings=False):
    """It shows what the main screen asks, and lets it begin or stop; leaving it ends nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("lab")
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(
        self, backends: Backends, options: Options, state: LabState, begin: Begin, stop: Callable[[], None]
    ) -> None:
        super().__init__()
        self._b, self._begin, self._stop = backends, begin, stop
        self._price = options.price_per_hour if options.time_scale == 1 else None
        self._time_scale = options.time_scale
        self._key_in_shell = options.key_in_shell
        self._state = state
        self._view = LabView()
        # What is asked where nothing is typed.
        self._batch = backends.catalog.prompts[:1] if state.begun is None else state.begun.prompts
        self._rest: Timer | None = None  # while it runs, news wait for its end
        self._waiting = False

    def compose(self) -> ComposeResult:
        columns = " ".join(setting.name for setting in self._state.settings) or " ".join(DEFAULT)
        with Vertical(id="lab"):
            yield Static(id="lab-head")
            for name, words in (("prompt", "prompt"), ("settings", "settings"), ("file", "file")):
                with Horizontal(classes="lab-row", id=f"lab-row-{name}"):
                    yield Static(Content.styled(words, "$muted"), classes="label")
                    yield Field(columns if name == "settings" else "", id=f"lab-{name}", compact=True)
            yield Canvas(id="lab-table")
            yield Canvas(id="lab-told")
            yield Static(id="lab-tabs")
            with Horizontal(id="lab-columns"):
                for _ in range(MOST_COLUMNS):
                    column = LabColumn()
                    column.display = False
                    yield column
            with VerticalScroll(id="lab-all", can_focus=False):
                yield Canvas(id="lab-rows")
        yield KeyBar(docked=True)

    def on_mount(self) -> None:
        self.query_one("#lab-row-file").display = False
        self._draw()

    def on_resize(self) -> None:
        """Other columns fit."""
        self.call_after_refresh(self._draw)

    def show(self, state: LabState) -> None:
        """More of the answers."""
        if state.going != self._state.going or len(state.rows) != len(self._state.rows):
            self.call_after_refresh(self.refresh_bindings)
        self._state = state
        if self._rest is not None and state.going:
            self._waiting = True
            return
        self._draw()
        self._rest = self.set_timer(_DRAW_EVERY_S, self._rested)

    def _rested(self) -> None:
        self._rest = None
        if self._waiting:
            self._waiting = False
            self.show(self._state)

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        lab, view, low = self._state, self._view, self.size.height < _LOW
        self.set_class(low, "low")
        width = self.query_one("#lab-table").size.width or self.size.width - 2
        self.query_one("#lab-head", Static).update(self._head())
        self.query_one("#lab-prompt", Input).placeholder = _placeholder(self._batch)
        self.query_one("#lab-table", Canvas).show(comparison(lab, view, self._price, width))
        marked, row = view.marked(lab), view.row(lab)
        roomy = self.size.height >= _ROOMY or not lab.rows
        said = told(lab, view, self._price, self._time_scale, width) if roomy else []
        self.query_one("#lab-told").display = bool(said)
        self.query_one("#lab-told", Canvas).show(said)
        everything = bool(lab.rows) and row is None
        self.query_one("#lab-all").display = everything
        self.query_one("#lab-columns").display = not everything
        if everything:
            self.query_one("#lab-rows", Canvas).show(every_row(lab, self._price, width))
        shown = view.columns(lab, self.size.width) if row is not None else range(0)
        self._tabs(shown)
        for number, column in enumerate(self.query(LabColumn)):
            column.display = number in shown
            if row is not None and number in shown:
                column.show(row, number, lab.settings[number].name, view, marked)

    def _tabs(self, shown: range) -> None:
        """The names of the columns, where not all have room; those that are shown stand in brackets."""
        tabs = self.query_one("#lab-tabs", Static)
        tabs.display = len(shown) < len(self._state.settings) and bool(shown)
        parts = []
        for number, setting in enumerate(self._state.settings):
            here = number in shown
            parts.append(Content.styled(f"[{setting.name}]" if here else f" {setting.name} ", "bold" if here else ""))
        tabs.update(Content(" ").join(parts))

    def _head(self) -> Content:
        lab = self._state
        if lab.begun is None:
            words = "the same prompt under several settings at once"
        else:
            row, page = self._view.row(lab), self._view.page_of(lab)
            shows = row.prompt.shows if row is not None and self.size.height > _LOW else ""
            which = f"{page + 1} of {lab.begun.rows}" if lab.begun.rows > 1 else ""
            name = f"all {len(lab.rows)}, their means" if row is None else row.prompt.name
            state = "going on" if lab.going else f"{lab.failed} failed" if lab.failed else ""
            words = " · ".join(filter(None, (lab.begun.model, which if row else "", name, state, shows)))
        problem = f"  {lab.over.problem}" if lab.over is not None and lab.over.problem is not None else ""
        return Content.assemble(("Lab", "bold"), (f"  {words}", "$muted"), (problem, "bold $error"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        lab = self._state
        going, several = lab.going, len(lab.rows) > 1
        return {
            "begin": not going,
            "edit": not going,
            "pick": not going,
            "file": not going and self._b.lab is not None,
            "stop": going,
            "differences": len(lab.settings) > 1 and (row := self._view.row(lab)) is not None and row.over,
            "thinking": bool(lab.rows),
            "turn": several,
            "save": bool(lab.rows) and not going and self._b.lab is not None,
            "column": bool(lab.rows) and len(self._view.columns(lab, self.size.width)) < len(lab.settings),
        }.get(action, True)

    def action_begin(self) -> None:
        """If the fields are right."""
        text = self.query_one("#lab-prompt", Input).value
        with troubles_told(self):
            settings = parse_settings(self.query_one("#lab-settings", Input).value.split())
            prompts = (typed(text),) if text.strip() else self._batch
            if self._begin(prompts, settings):
                self._view = replace(self._view, page=None, differences=None)
                self.set_focus(None)

    def action_edit(self) -> None:
        """Into the first field."""
        self.query_one("#lab-prompt").focus()

    def action_pick(self) -> None:
        """From those that ship."""

        def picked(prompts: tuple[LabPrompt, ...] | None) -> None:
            if prompts:
                self._take(prompts)

        self.app.push_screen(PromptsScreen(self._b.catalog.prompts), picked)

    def _take(self, prompts: Sequence[LabPrompt]) -> None:
        self._batch = tuple(prompts)
        self.query_one("#lab-prompt", Input).value = ""
        self._draw()

    def action_file(self) -> None:
        """Its path is typed."""
        self.query_one("#lab-row-file").display = True
        self.query_one("#lab-file").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter asks; in the file's field it reads the file."""
        event.stop()
        if event.input.id == "lab-file":
            self._leave_file()
            self.run_worker(self._read(event.value.strip()), group="lab-file", exclusive=True)
        elif self._state.going:
            self.notify(f"It goes on. {key_of('lab-back')} and then {key_of('lab-stop')} stops it.", severity="warning")
        else:
            self.action_begin()

    async def _read(self, path: str) -> None:
        if self._b.lab is None or not path:
            return
        with troubles_told(self):
            prompts = await self._b.lab.prompts(path)
            self._take(prompts)
            self.notify(f"{len(prompts)} prompts. {key_of('lab-begin')} asks them.")

    def action_stop(self) -> None:
        """What came by now is kept."""
        self._stop()

    def action_differences(self) -> None:
        """From the one to the other."""
        self._look(replace(self._view, differences=not self._view.marked(self._state)))

    def action_inspect(self) -> None:
        """What went over the wire for each answer to the prompt that is shown, also while they come."""
        if not inspected_row(self._state, self._view.row(self._state)):
            self.notify("Nothing was asked yet.", severity="warning")
            return

        def exchanges() -> list[Inspected]:
            return inspected_row(self._state, self._view.row(self._state))

        self.app.push_screen(Inspector(exchanges, self._key_in_shell, at=self._view.column))

    def action_thinking(self) -> None:
        """Open or close it, in every column."""
        self._look(replace(self._view, thoughts=not self._view.thoughts))

    def action_turn(self, pages: int) -> None:
        """Through a batch."""
        self._look(replace(self._view, page=max(0, self._view.page_of(self._state) + pages)))

    def action_column(self, columns: int) -> None:
        """Where one column stands alone."""
        count = max(1, len(self._state.settings))
        self._look(replace(self._view, column=(self._view.column + columns) % count))

    def _look(self, view: LabView) -> None:
        self._view = view
        self._draw()

    def action_save(self) -> None:
        """Under a name of its own."""
        self.run_worker(self._save(self._state), group="lab-save", exclusive=True)

    async def _save(self, lab: LabState) -> None:
        assert self._b.lab is not None
        names = {row.prompt.name for row in lab.rows}
        with troubles_told(self):
            path = await self._b.lab.save(
                names.pop() if len(names) == 1 else f"{len(names)} prompts",
                document(lab, price_per_hour=self._price, time_scale=self._time_scale),
                as_markdown(lab, price_per_hour=self._price, time_scale=self._time_scale),
            )
            self.notify(f"The lab is kept: {path}", timeout=15)

    def action_back(self) -> None:
        """Out of a field, or to the Chat pane."""
        if self.query_one("#lab-row-file").display:
            self._leave_file()
        elif self.focused is not None:
            self.set_focus(None)
        else:
            self.dismiss(None)

    def _leave_file(self) -> None:
        self.query_one("#lab-row-file").display = False
        self.set_focus(None)

    def action_scroll(self, lines: int) -> None:
        """Through what has no room, in every column."""
        self.query_one("#lab-all").scroll_relative(y=lines, animate=False)
        for column in self.query(LabColumn):
            if column.display:
                column.move(lines)


def _placeholder(batch: Sequence[LabPrompt]) -> str:
    if len(batch) > 1:
        return f"{len(batch)} prompts: {', '.join(prompt.name for prompt in batch)}"
    return f"{batch[0].name}: {batch[0].prompt}".replace("\n", " ")
