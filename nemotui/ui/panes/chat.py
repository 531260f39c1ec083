"""Chat: ask the model in each of its reasoning modes, and see what an answer costs in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from nemotui.core.chat import Mode
from nemotui.core.text import plain
from nemotui.ui.keys import bindings
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.chat import ChatState, Cleared, NextMode
from nemotui.ui.states.inspected import inspected
from nemotui.ui.states.transcript import blocks
from nemotui.ui.widgets.field import Field
from nemotui.ui.widgets.transcript import Transcript


class Question(Field):
    """A line to type into, with what will happen to it in its border. What is pasted becomes one line, all of it."""

    _told: tuple[Mode, bool] | None = None

    def tell(self, mode: Mode, *, answering: bool) -> None:
        """Say so in the border; only when it changes, since each time the field is painted."""
        if (mode, answering) != self._told:
            self._told = mode, answering
            self.border_title = Content.assemble("reasoning ", (mode, "bold $primary"), " · F7")
            self.border_subtitle = Content("Esc stops the answer" if answering else "Enter sends · Esc leaves")

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.replace(" ".join(plain(event.text).split("\n")), *self.selection)


class ChatPane(Pane[ChatState]):
    """The conversation above, the question below."""

    LABEL: ClassVar[str] = "Chat"
    DRAW_EVERY_S: ClassVar[float] = 0.15  # tokens come faster than anybody reads
    BINDINGS: ClassVar[list[BindingType]] = bindings("chat")

    @dataclass
    class Asked(Message):
        """Send this."""

        text: str

    @dataclass
    class Changed(Message):
        """The mode was switched, or a new conversation begun."""

        event: NextMode | Cleared

    class Stopped(Message):
        """End the answer and keep what came."""

    class Inspect(Message):
        """Show what went over the wire."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._thoughts = False  # whether the thinking is open

    def compose(self) -> ComposeResult:
        yield Static(id="chat-empty")
        yield Transcript(id="transcript")
        yield Question(id="question-field", placeholder="Ask the model")

    def draw(self) -> None:
        state = self.state
        if state is None:
            return
        empty = self.query_one("#chat-empty", Static)
        empty.display = not state.turns
        if not state.turns:
            empty.update(_empty(state))
        transcript = self.query_one(Transcript)
        transcript.display = bool(state.turns)
        transcript.show(blocks(state, thoughts=self._thoughts))
        self.query_one(Question).tell(state.mode, answering=state.answering)

    def take_focus(self) -> None:
        """The cursor goes where one types."""
        self.query_one(Question).focus()

    def leave_field(self) -> None:
        """Escape ends an answer first, and leaves the field then."""
        if self.live is not None and self.live.answering:
            self.post_message(self.Stopped())
        else:
            self.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send it, unless it is blank or has nobody to answer it; then it stays where it is."""
        text = plain(event.value).strip()
        if self.live is None or not text:
            return
        if self.live.answering:
            self.notify("An answer is being written. Esc stops it.", severity="warning")
            return
        if self.live.served is not None:
            event.input.clear()
        self.query_one(Transcript).scroll_end(animate=False)
        self.post_message(self.Asked(text))

    def action_write(self) -> None:
        """Into the field."""
        self.take_focus()

    def action_mode(self) -> None:
        """Full, low, off."""
        self.post_message(self.Changed(NextMode()))

    def action_thinking(self) -> None:
        """Open or close it, in every answer."""
        self._thoughts = not self._thoughts
        self.draw()

    def action_new(self) -> None:
        """Begin anew; an answer that is being written ends."""
        if self.live is not None and self.live.answering:
            self.post_message(self.Stopped())
        self.post_message(self.Changed(Cleared()))

    def action_copy(self) -> None:
        """By the terminal's clipboard (OSC 52), which reaches through SSH."""
        if self.live is None or not self.live.last_answer:
            self.notify("There is no answer yet.", severity="warning")
            return
        self.app.copy_to_clipboard(self.live.last_answer)
        self.notify("The last answer is copied, if this terminal allows it.")

    def action_inspect(self) -> None:
        """What went over the wire for each answer."""
        if self.live is None or not inspected(self.live):
            self.notify("Nothing was asked yet.", severity="warning")
            return
        self.post_message(self.Inspect())

    def action_scroll(self, pages: int) -> None:
        """Back and on in the conversation."""
        transcript = self.query_one(Transcript)
        transcript.scroll_relative(y=pages * max(1, transcript.size.height - 2), animate=False)


def _empty(state: ChatState) -> Content:
    if state.served is None:
        return Content.assemble(
            ("No server answers yet.\n", "bold"), ("Deploy one first: F3, or Esc and then 2.", "$muted")
        )
    return Content.assemble(
        ("Ask ", "bold"),
        (state.served, "bold $primary"),
        ("\nIts thinking is shown apart, and under each answer what it cost in time. ", "$muted"),
        ("F7 switches the reasoning: full, low, off.", "$muted"),
    )
