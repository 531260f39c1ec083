"""The chat's field: lines to type into, with what will happen to them in its border."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static, TextArea

from nemotui.ui.keys import character_of
from nemotui.ui.states.chat_commands import Command, completed, matching

_LINES = 8  # of a question that are seen at once
_SHOWN = 6  # commands of the list


_OF_THE_PANE = {"ctrl+e", "ctrl+t", "ctrl+s", "f6", "f7", "pageup", "pagedown", "ctrl+home", "ctrl+end"}


def _but_for(keys: Container[str], bindings: Iterable[BindingType]) -> Iterator[BindingType]:
    """Without keys that the pane has another use for."""
    for binding in bindings:
        assert isinstance(binding, Binding)
        left = [key for key in binding.key.split(",") if key not in keys]
        if left:
            yield replace(binding, key=",".join(left))


class Question(TextArea, inherit_bindings=False):
    """Enter sends, Ctrl+J begins a line; Up and Down in an empty one bring back what was asked before."""

    cursor_blink = reactive(False, init=False)  # nothing on this screen moves for show
    BINDINGS: ClassVar[list[BindingType]] = list(_but_for(_OF_THE_PANE, TextArea.BINDINGS))

    @dataclass
    class Sent(Message):
        """Enter."""

        text: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, placeholder="Ask the model, or / for commands", highlight_cursor_line=False)
        self._recalled: tuple[str, ...] = ()
        self._at = 0  # in what is recalled; beyond its end: nothing is

    def remember(self, asked: tuple[str, ...]) -> None:
        """What Up brings back, oldest first."""
        if asked != self._recalled:
            self._recalled, self._at = asked, len(asked)

    def put(self, text: str) -> None:
        """This text, to be gone on with."""
        self.text = text
        self.move_cursor(self.document.end)

    async def _on_key(self, event: events.Key) -> None:
        key = event.key
        if key == "enter":
            self.post_message(self.Sent(self.text))
        elif key == "ctrl+j":
            self.insert("\n")
        elif key == "tab" and matching(self.text):
            self.put(completed(self.text))
        elif key in ("up", "down") and self._recall(-1 if key == "up" else 1):
            pass
        else:
            return  # to Textual's own
        event.stop()
        event.prevent_default()

    def _recall(self, step: int) -> bool:
        """Another question of before, while what stands here is none of one's own."""
        here = self._recalled[self._at] if self._at < len(self._recalled) else ""
        if self.text != here or not self._recalled:
            return False
        at = min(max(self._at + step, 0), len(self._recalled))
        if at == self._at == len(self._recalled):
            return False
        self._at = at
        self.put(self._recalled[at] if at < len(self._recalled) else "")
        return True

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """What is typed is no key of a pane."""
        return super().check_consume_key(key, character or character_of(key))


class QuestionBox(Vertical):
    """The field, as high as what stands in it, and above it the commands that a slash may become."""

    DEFAULT_CSS = "QuestionBox { height: auto; } #commands { height: auto; display: none; }"
    _told: tuple[str, str, str] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="commands")
        yield Question(id="question-field")

    @property
    def field(self) -> Question:
        """Where one types."""
        return self.query_one(Question)

    def tell(self, mode: str, settings: str, below: str) -> None:
        """Say so in the border; only when it changes, since each time the field is painted."""
        if (mode, settings, below) != self._told:
            self._told = mode, settings, below
            self.field.border_title = Content.assemble("reasoning ", (mode, "bold $primary"), f" · {settings}")
            self.field.border_subtitle = Content(below)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Room for its lines, and the commands that begin so."""
        event.stop()
        self._fit()
        commands = self.query_one("#commands", Static)
        found = matching(self.field.text)
        commands.display = bool(found)
        if found:
            commands.update(_listed(found))

    def on_resize(self, event: events.Resize) -> None:
        """Its lines wrap elsewhere, and toasts stand above it."""
        self._fit()
        self._keep_free(event.size.height)

    def on_show(self) -> None:
        self._keep_free(self.outer_size.height)

    def on_hide(self) -> None:
        self._keep_free(0)

    def _keep_free(self, lines: int) -> None:
        """No toast covers where somebody types, nor the footer."""
        for toasts in self.screen.query("ToastRack"):
            toasts.styles.margin = (0, 0, lines + 1, 0)

    def _fit(self) -> None:
        lines = min(max(self.field.wrapped_document.height, 1), _LINES)
        if self.field.styles.height is None or self.field.styles.height.value != lines + 2:
            self.field.styles.height = lines + 2


def _listed(commands: tuple[Command, ...]) -> Content:
    shown = commands if len(commands) <= _SHOWN + 1 else commands[:_SHOWN]
    usages = [f"/{command.name} {command.takes}" for command in shown]
    width = max(map(len, usages))
    lines = [
        Content.assemble((f"{usage:<{width}}", "bold $primary"), (f"  {command.does}", "$muted"))
        for usage, command in zip(usages, shown, strict=True)
    ]
    if len(shown) < len(commands):
        names = " ".join(f"/{command.name}" for command in commands[len(shown) :])
        lines.append(Content.styled(f"{names} · Tab completes", "$muted"))
    return Content("\n").join(lines)
