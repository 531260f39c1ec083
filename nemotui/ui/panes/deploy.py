"""Deploy: the plans for these GPUs, the one under the cursor explained, and the start of the one that was chosen."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from nemotui.core.card import model_card
from nemotui.core.choices import GOALS, Goal
from nemotui.core.cure import Cure
from nemotui.core.errors import UsageError
from nemotui.core.hardware import Machine
from nemotui.core.plan import ContainerSpec, Plan, docker_run
from nemotui.core.ports import Container
from nemotui.core.show import gpu_list
from nemotui.keys.keymap import key_of
from nemotui.ui.card import Card
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.deploy import Choice, DeployState
from nemotui.ui.states.plan_form import Asked, PlanForm
from nemotui.ui.states.what_if import what_if
from nemotui.ui.what_if import WhatIfScreen
from nemotui.ui.widgets.launch import launch_words, running_words, stopping_words
from nemotui.ui.widgets.plan import command_words, plan_words
from nemotui.ui.widgets.plan_form import PlanFields
from nemotui.ui.widgets.plans import PlanTable
from nemotui.ui.widgets.starting import ahead_words
from nemotui.ui.widgets.wishes import no_plans, wishes

_SHORT = 30  # rows below which the plan needs those of the table more
_BESIDE = 160  # columns from which the start and the plan stand side by side

_SOMETIMES = ("preview", "copy", "stop", "adopt", "cure", "bundle")  # what there is not always to do


class DeployPane(Pane[DeployState]):
    """The table above; below it the start, if there is one, and the selected plan, in one view that scrolls."""

    LABEL: ClassVar[str] = "Deploy"
    BINDINGS: ClassVar[list[BindingType]] = bindings("deploy")

    @dataclass
    class Wanted(Message):
        """Preview this plan, `what` in short, and start it if nothing is in the way."""

        what: str
        plan: Plan
        spec: ContainerSpec

    @dataclass
    class Start(Message):
        """Start this container."""

        spec: ContainerSpec

    @dataclass
    class Replace(Message):
        """Start this container in the place of another."""

        old: Container
        spec: ContainerSpec

    @dataclass
    class Retry(Message):
        """Try a start again that failed for this cause."""

        cause: str
        cure: Cure

    @dataclass
    class Fetch(Message):
        """Fetch image and weights of this container, or break that off."""

        spec: ContainerSpec

    class Stop(Message):
        """Stop the running server, or the start that is fetching its image."""

    @dataclass
    class Adopt(Message):
        """Make this container ours."""

        container: Container

    class Clean(Message):
        """Show what is left here."""

    @dataclass
    class Bundle(Message):
        """Save what is known of this container."""

        container: Container

    @dataclass
    class Changed(Message):
        """Plan for this from now on."""

        event: Asked

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._form: PlanForm | None = None  # before the first state
        self._wrong = ""
        self._hardware = ""  # as last drawn, like the next ones
        self._offered: tuple[bool | None, ...] = ()
        self._explained: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="wishes")
        yield PlanFields()
        yield PlanTable()
        yield Static(id="no-plans")
        with VerticalScroll(id="below", can_focus=False):
            yield Static(id="launch")
            yield Static(id="plan")
            yield Static(id="command")

    def on_resize(self) -> None:
        """What stands where depends on the room."""
        self.set_class(self.size.width >= _BESIDE, "-beside")
        self.set_class(self.size.height < _SHORT, "-short")

    def _draw(self, state: DeployState) -> None:
        width = self.content_size.width
        if self._form is None:
            self._form = PlanForm.of(state.request)
            self.query_one(PlanFields).fill(self._form)
        editing = self.query_one(PlanFields).display
        self.set_class(editing, "-editing")
        self._say("wishes", wishes(state, self._wrong, editing=editing))
        table = self.query_one(PlanTable)
        table.display = bool(state.choices)
        table.show(state.choices, width - 1)  # a bar, where they are many
        if state.hardware != self._hardware:  # other plans altogether
            self._hardware = state.hardware
            table.move_cursor(row=0)
        offered = tuple(self.check_action(action, ()) for action in _SOMETIMES)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
        nothing = self.query_one("#no-plans", Static)
        nothing.display = not state.choices
        self._say("no-plans", no_plans(state))
        launch = self.query_one("#launch", Static)
        launch.display = any((state.launch, state.running, state.stopping, state.ahead))
        room = width // 2 - 5 if self.has_class("-beside") else width - 2
        if state.stopping is not None:
            self._say("launch", stopping_words(state.stopping))
        elif state.ahead is not None and not state.starting:
            self._say("launch", ahead_words(state.ahead, room))
        elif state.launch is not None:
            words = [launch_words(state.launch, room)]
            if state.running is not None and not state.running.ours:
                words.insert(0, running_words(state.running))
            self._say("launch", Content("\n").join(words))
        elif state.running is not None:
            self._say("launch", running_words(state.running))
        choice = self._selected(state)
        self._explained = choice.key if choice else None
        self._explain(choice, room)

    def _explain(self, choice: Choice | None, width: int) -> None:
        """The plan; its command beside it where there is room, else below."""
        command = command_words(choice, width) if choice else None
        apart = self.has_class("-beside") and not self.query_one("#launch").display
        words = [plan_words(choice, width)] if choice else []
        if command is not None and not apart:
            words += [Content(""), command]
        self._say("plan", Content("\n").join(words))
        self.query_one("#command").display = apart and command is not None
        self._say("command", command if apart and command is not None else Content(""))

    def _say(self, name: str, words: Content) -> None:
        """Textual lays a pane out anew for each update, also for one with the same words."""
        static = self.query_one(f"#{name}", Static)
        if not (isinstance(static.content, Content) and words.is_same(static.content)):
            static.update(words)

    def _selected(self, state: DeployState | None) -> Choice | None:
        """The plan under the cursor, as it is drawn (`state`) or as it would be started (`live`)."""
        key = self.query_one(PlanTable).selected
        return next((choice for choice in state.choices if choice.key == key), None) if state else None

    def on_data_table_row_highlighted(self) -> None:
        """The cursor has moved, by a key, the mouse or because its plan has; or Textual says so of one that has not."""
        if self.query_one(PlanTable).selected != self._explained:
            self.draw()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """A click on the row under the cursor."""
        event.stop()
        self.action_preview()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers what can be done now."""
        state = self.live
        match action:
            case "preview":
                return state is None or (bool(state.choices) and not state.starting)
            case "copy":
                return state is None or bool(state.choices)
            case "stop":
                return state is not None and (state.pulling or state.running is not None)
            case "adopt":
                return state is not None and state.running is not None and not state.running.ours
            case "cure":
                return state is not None and state.failed is not None and state.failed.cure is not None
            case "bundle":
                return state is not None and state.failed is not None and state.failed.container is not None
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        """A setting was typed or chosen: the plans follow, unless it cannot be meant."""
        event.stop()
        if self.live is None or self._form is None or event.input.name is None:
            return
        self._form = self._form.typed(event.input.name, event.value)
        self._ask_for(self.live.request.goal)

    def _ask_for(self, goal: Goal) -> None:
        if self.live is None or self._form is None:
            return
        try:
            request = self._form.over(replace(self.live.request, goal=goal), self.live.catalog)
        except UsageError as error:
            self._wrong = str(error)
            self.draw()
        else:
            self._wrong = ""
            self.post_message(self.Changed(Asked(request, self.live.imagined, self.live.hardware)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: back to the plans."""
        event.stop()
        self.leave_field()

    def on_descendant_blur(self) -> None:
        """The fields are there while one of them has the focus."""
        self.call_after_refresh(self._hide_fields)

    def _hide_fields(self) -> None:
        fields = self.query_one(PlanFields)
        fields.display = fields.has_focus_within
        self.draw()

    def action_edit(self) -> None:
        """Into the settings."""
        self.query_one(PlanFields).enter()
        self.draw()

    def action_what_if(self) -> None:
        """Pick hardware that is not here."""
        state = self.live
        if state is None:
            return
        here = len(state.machine.gpus) if state.machine else 0

        def picked(hardware: tuple[Machine | None, str] | None) -> None:
            if hardware is not None and self.live is not None:
                self.post_message(self.Changed(Asked(self.live.request, *hardware)))

        self.app.push_screen(WhatIfScreen(what_if(state.catalog.chips, state.hardware, here)), picked)

    def action_goal(self) -> None:
        """The next of the three."""
        if self.live is not None:
            self._ask_for(GOALS[(GOALS.index(self.live.request.goal) + 1) % len(GOALS)])

    def action_fetch(self) -> None:
        """What the plan under the cursor needs, ahead of its start."""
        choice = self._selected(self.live)
        if choice is None or choice.spec is None:
            self.app.notify("There is nothing to fetch: this plan would not start.", severity="warning")
        else:
            self.post_message(self.Fetch(choice.spec))

    def action_card(self) -> None:
        """The model card."""
        if self.live is not None:
            model = self.live.catalog.serving(self.live.request.model_path).model
            self.app.push_screen(Card(model_card(model)))

    def action_move(self, rows: int) -> None:
        """To another plan."""
        table = self.query_one(PlanTable)
        table.move_cursor(row=min(max(table.cursor_row + rows, 0), table.row_count - 1))
        self.query_one("#below").scroll_home(animate=False)

    def action_page(self, pages: int) -> None:
        """Through the start and the explanation."""
        below = self.query_one("#below")
        below.scroll_relative(y=pages * max(1, below.size.height - 1), animate=False)

    def action_preview(self) -> None:
        """Show the exact command; Enter there starts it. A plan that would not start says why instead."""
        choice, state = self._selected(self.live), self.live
        if state is None or choice is None:
            return
        if state.starting:  # a click on a plan
            self.app.notify("A start is going on.", severity="warning")
        elif state.imagined:
            self.app.notify(
                f"This hardware is not here. {key_of('deploy-what-if')}, Enter: back to the GPUs that are.",
                severity="warning",
            )
        elif choice.refusal or choice.spec is None or choice.start is None:
            self.app.notify(choice.refusal, title="This would not start", severity="warning")
        elif state.running is None:
            what = f"{choice.plan.variant} on GPU {gpu_list(choice.gpus)}" if choice.plan else choice.spec.image
            self.post_message(self.Wanted(what, choice.start, choice.spec))
        elif state.running.ours:
            self.post_message(self.Replace(state.running, replace(choice.spec, name=state.running.name)))
        else:
            self.app.notify(
                f"{state.running.name} runs, by hand. {key_of('deploy-adopt')} makes it ours.", severity="warning"
            )

    def action_cure(self) -> None:
        """Show what of the command changes; Enter there starts it."""
        failed = self.live.failed if self.live else None
        if failed is None or failed.cure is None:
            return
        cure, container = failed.cure, failed.container
        if container is not None and (cure.replaces or container.going_on):
            self.post_message(self.Replace(container, cure.after))  # it is in the way, or crashes on and on
            return

        self.post_message(self.Retry(failed.cause, cure))

    def action_bundle(self) -> None:
        """Keep what is known of the failed start."""
        failed = self.live.failed if self.live else None
        if failed is not None and failed.container is not None:
            self.post_message(self.Bundle(failed.container))

    def action_clean(self) -> None:
        """Show what nemotui has left on this machine."""
        self.post_message(self.Clean())

    def action_adopt(self) -> None:
        """Ask to make it ours."""
        running = self.live.running if self.live else None
        if running is not None:
            self.post_message(self.Adopt(running))

    def action_copy(self) -> None:
        """The command of the plan under the cursor, through the terminal's clipboard."""
        choice = self._selected(self.live)
        if choice is None or choice.spec is None:
            self.app.notify("This plan has no command: it would not start.", severity="warning")
            return
        copy(self, shlex.join(docker_run(choice.spec)), "The docker run command")

    def action_stop(self) -> None:
        """Ask to stop what runs."""
        self.post_message(self.Stop())
