"""Chat: ask the model in each of its reasoning modes, and see what an answer costs in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from nemotui.core.chat import ChatSettings
from nemotui.core.chat_text import settings_words
from nemotui.core.conversation import NextMode
from nemotui.core.fences import code_blocks
from nemotui.core.text import plain
from nemotui.keys.keymap import key_of
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.chat import ChatState, Cleared, Editing
from nemotui.ui.states.chat_commands import Do, Wrong, told, understood
from nemotui.ui.states.inspected import inspected
from nemotui.ui.states.transcript import Blocks
from nemotui.ui.widgets.canvas import hanging
from nemotui.ui.widgets.question import Question, QuestionBox
from nemotui.ui.widgets.transcript import Transcript


class ChatPane(Pane[ChatState]):
    """The conversation above, the question below."""

    LABEL: ClassVar[str] = "Chat"
    DRAW_EVERY_S: ClassVar[float] = 0.15  # tokens come faster than anybody reads
    SLOW_S: ClassVar[float] = 1.0
    BINDINGS: ClassVar[list[BindingType]] = bindings("chat")

    @dataclass
    class Asked(Message):
        """Send this, in the place of a turn where it says so."""

        text: str
        instead_of: int | None = None

    @dataclass
    class Changed(Message):
        """The settings were changed, a new conversation begun, a question taken up."""

        event: NextMode | ChatSettings | Cleared | Editing

    class Lab(Message):
        """Open the lab."""

    class Stopped(Message):
        """End the answer and keep what came."""

    class Inspect(Message):
        """Show what went over the wire."""

    @dataclass
    class Store(Message):
        """Store the conversation, under a name where there is one, and say where."""

        name: str

    @dataclass
    class Open(Message):
        """Open a stored conversation; choose one where no name is given."""

        name: str

    @dataclass
    class Edit(Message):
        """The user's editor, with this text."""

        text: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._thoughts = False  # whether the thinking is open
        self._blocks = Blocks()
        self._below = False  # new text, further down than the reader is
        self._offers: tuple[bool | None, ...] = ()  # what the footer was last drawn for
        self._copied = -1  # the code block of the last answer that was copied last
        self._draft = ""  # what stood in the field when an edit began

    def compose(self) -> ComposeResult:
        yield Static(id="chat-empty")
        yield Transcript(id="transcript")
        yield QuestionBox()

    @property
    def field(self) -> Question:
        """Where one types."""
        return self.query_one(Question)

    def _draw(self, state: ChatState) -> None:
        empty = self.query_one("#chat-empty", Static)
        empty.display = not state.turns
        if not state.turns:
            empty.update(_empty(state, self.content_size.width))
        transcript = self.query_one(Transcript)
        transcript.display = bool(state.turns)
        transcript.show(self._blocks.of(state.conversation, thoughts=self._thoughts))
        self.field.remember(state.asked)
        self._tell()
        offers = tuple(self.check_action(name, ()) for name in ("thinking", "edit", "copy", "copy_code", "inspect"))
        if offers != self._offers:
            self._offers = offers
            self.refresh_bindings()

    def _tell(self) -> None:
        """What will happen to the question, in its border."""
        state = self.state
        if state is None:
            return
        settings = " · ".join((*settings_words(state.conversation.settings), key_of("chat-mode")))
        leaves = key_of("leave-field")
        if state.answering:
            keys = f"{leaves} stops the answer"
        elif self.field.has_focus:
            ends = f"{leaves} leaves" if state.editing is None else f"{leaves} drops it"
            keys = f"Enter sends · {ends}" if state.served is not None else ends
        else:
            keys = f"{key_of('chat-write')} writes"
        if state.editing is not None:
            keys = f"in the place of question {state.editing + 1} · {keys}"
        if self._below:
            keys = f"▼ new text below: {key_of('chat-last', typing=True)}"
        self.query_one(QuestionBox).tell(state.mode, settings, keys)

    def on_descendant_focus(self) -> None:
        """What its keys do now."""
        self._tell()

    def on_descendant_blur(self) -> None:
        """They are the pane's again."""
        self._tell()

    def on_transcript_below(self, message: Transcript.Below) -> None:
        """Said in the border: the text itself stays where it is read."""
        self._below = message.there
        self._tell()

    def take_focus(self) -> None:
        """The cursor goes where one types."""
        self.field.focus()

    def leave_field(self) -> None:
        """Escape ends an answer first, then an edit, and leaves the field then."""
        if self.live is not None and self.live.answering:
            self.post_message(self.Stopped())
        elif self.live is not None and self.live.editing is not None:
            self._put_draft()
            self.post_message(self.Changed(Editing(None)))
        else:
            self.focus()

    def _put_draft(self) -> None:
        """The field has what stood there before an edit."""
        draft, self._draft = self._draft, ""
        self.field.put(draft)

    @property
    def unsent(self) -> bool:
        """Something stands in the field."""
        return bool(self.field.text.strip())

    # -- what is sent

    def on_question_sent(self, event: Question.Sent) -> None:
        """A command, or a question; one that nobody can answer now stays where it is."""
        text = plain(event.text).strip()
        state = self.live
        if state is None or not text:
            return
        if event.text.startswith("/"):
            self._command(text, state)
        elif state.answering:
            self.notify(f"An answer is being written. {key_of('leave-field')} stops it.", severity="warning")
        else:
            if state.served is not None:
                self._put_draft()
                self._copied = -1
                self.query_one(Transcript).follow()
            self.post_message(self.Asked(text, state.editing))

    def _command(self, text: str, state: ChatState) -> None:
        meant = understood(text, state.conversation.settings)
        if isinstance(meant, Wrong):
            self.notify(meant.why, severity="warning")
            return
        self.field.put("")
        if isinstance(meant, ChatSettings):
            self.post_message(self.Changed(meant))  # and the border says it
            return
        match meant:
            case Do("help"):
                self.call_later(self.app.run_action, "keys")
            case Do("settings"):
                self.notify(told(state.conversation.settings), timeout=15)
            case Do("edit", argument):
                self._edit(argument)
            case Do("copy", argument):
                self._copy(argument)
            case Do("new"):
                self.action_new()
            case Do("open", argument):
                self.post_message(self.Open(argument))
            case Do("save", argument):
                self.post_message(self.Store(argument))

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the field Enter sends; no key is offered that would do nothing."""
        state = self.live
        match action:
            case "write":
                return not self.field.has_focus
            case "thinking":
                return state is not None and any(turn.reply and turn.reply.reasoning for turn in state.turns)
            case "inspect":
                return state is not None and bool(inspected(state))
            case "edit" | "new" | "save":
                return state is not None and bool(state.turns)
            case "copy":
                return state is not None and bool(state.conversation.last_answer)
            case "copy_code":
                answer = state.conversation.last_answer if state is not None else ""
                return "```" in answer or "~~~" in answer
        return True

    def action_write(self) -> None:
        """Into the field."""
        self.take_focus()

    def action_commands(self) -> None:
        """Into the field, with the list of commands above it."""
        self.field.put("/")
        self.take_focus()

    def action_mode(self) -> None:
        """Full, low, off."""
        self.post_message(self.Changed(NextMode()))

    def action_lab(self) -> None:
        """The same prompt in several settings at once."""
        self.post_message(self.Lab())

    def action_thinking(self) -> None:
        """Open or close it, in every answer."""
        self._thoughts = not self._thoughts
        self.draw()

    def action_new(self) -> None:
        """Begin anew; an answer that is being written ends."""
        if self.live is not None and self.live.answering:
            self.post_message(self.Stopped())
        self.post_message(self.Changed(Cleared()))

    def action_open(self) -> None:
        """Choose among those that are stored."""
        self.post_message(self.Open(""))

    def action_save(self) -> None:
        """Where it lies is said."""
        self.post_message(self.Store(""))

    def action_newline(self) -> None:
        """As Ctrl+J in the field does by itself."""
        self.take_focus()
        self.field.insert("\n")

    def action_editor(self) -> None:
        """The question in the user's own editor."""
        self.take_focus()
        self.post_message(self.Edit(self.field.text))

    def action_edit(self) -> None:
        """The last question again, to be changed."""
        self._edit("")

    def _edit(self, argument: str) -> None:
        turns = self.live.turns if self.live is not None else ()
        number = len(turns) if not argument else int(argument) if argument.isdecimal() else 0
        if self.live is not None and self.live.answering:
            self.notify(f"An answer is being written. {key_of('leave-field')} stops it.", severity="warning")
        elif not 1 <= number <= len(turns):
            self.notify("There is no such question." if turns else "Nothing was asked yet.", severity="warning")
        else:
            if self.live is not None and self.live.editing is None:
                self._draft = self.field.text
            self.field.put(turns[number - 1].question)
            self.take_focus()
            self.post_message(self.Changed(Editing(number - 1)))

    def action_copy(self) -> None:
        """The last answer, whole."""
        self._copy("")

    def action_copy_code(self) -> None:
        """Its code blocks, one after another."""
        count = len(self._codes())
        self._copied = (self._copied + 1) % count if count else -1
        self._copy(str(self._copied + 1))

    def _codes(self) -> list[str]:
        return [block.text for block in code_blocks(self.live.conversation.last_answer)] if self.live else []

    def _copy(self, what: str) -> None:
        """By the terminal's clipboard (OSC 52), which reaches through SSH."""
        answer, codes = self.live.conversation.last_answer if self.live else "", self._codes()
        if not answer:
            self.notify("There is no answer yet.", severity="warning")
            return
        text, said = answer, "The last answer"
        if what == "all":
            text, said = "\n\n".join(codes), f"{len(codes)} code blocks"
        elif what:
            number = int(what) if what.isdecimal() else 0
            text = codes[number - 1] if 1 <= number <= len(codes) else ""
            said = f"Code block {number} of {len(codes)}"
        if not text:
            self.notify(f"The last answer has {len(codes) or 'no'} code blocks.", severity="warning")
            return
        copy(self, text, said)

    def action_lines(self, lines: int) -> None:
        """A line back or on."""
        self.query_one(Transcript).scroll_relative(y=lines, animate=False)

    def action_inspect(self) -> None:
        """What went over the wire for each answer."""
        self.post_message(self.Inspect())

    def action_scroll(self, pages: int) -> None:
        """Back and on in the conversation."""
        transcript = self.query_one(Transcript)
        transcript.scroll_relative(y=pages * max(1, transcript.size.height - 2), animate=False)

    def action_oldest(self) -> None:
        """Where the conversation begins."""
        self.query_one(Transcript).scroll_home(animate=False)

    def action_newest(self) -> None:
        """Where it is written now."""
        self.query_one(Transcript).follow()


def _empty(state: ChatState, width: int) -> Content:
    if state.served is None:
        return Content.assemble(
            ("No server answers yet.\n", "bold"),
            (f"{key_of('leave-field')} and then {key_of('deploy')}: deploy one, or see how far it is.", "$muted"),
        )
    rows = (
        ("Enter", f"sends; {key_of('chat-line')} begins a line, {key_of('chat-editor')} your own editor"),
        (key_of("chat-mode"), "switches the reasoning: full, low, off"),
        ("/", "commands: budget, system prompt, sampling, seed, …"),
        ("Up", "what you asked before"),
        (f"{key_of('leave-field')} {key_of('chat-open')}", "a conversation of before; each is stored as it goes"),
    )
    column = max(len(key) for key, _ in rows) + 2
    return Content("\n").join(
        [
            Content.assemble(("Ask ", "bold"), (state.served, "bold $primary")),
            Content.styled("Its thinking is shown apart, and under each answer what it cost in time.\n", "$muted"),
            *(hanging(Content.styled(f"{key:<{column}}", "bold"), does, width, "$muted") for key, does in rows),
        ]
    )
