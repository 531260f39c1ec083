"""What is pasted is text, whatever stands in it: cut out of what a terminal sends, for a field or for nobody."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import pytest
from textual import events

from nemotui.ui.pasting import LONGEST, PastedTooMuch, Pastes
from tests.ui.conftest import ConsoleFactory

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_HOSTILE = "rm\x1b[31m red\x1b[A\x1bOP\x1b]0;owned\x07\x1b\x1b[200~\x03\r\nq\ttab\x00\x1b["
_PLAIN = "rm redP\nq       tab"  # no F1 is pressed; its last letter is one


def _told(pastes: Pastes, *reads: str) -> list[str]:
    """What was typed as one, and each paste between angle brackets."""
    found: list[str] = []
    for read in reads:
        for part in pastes.apart(read):
            if isinstance(part, str):
                found.append(part.removesuffix(_BEGIN + _END))
            elif isinstance(part, events.Paste):
                found.append(f"<{part.text}>")
            else:
                found.append(type(part).__name__)
    return found


def test_one_paste_is_one_text_without_what_a_terminal_obeys() -> None:
    assert _told(Pastes(), f"a{_BEGIN}{_HOSTILE}{_END}b") == ["a", f"<{_PLAIN}>", "b"]


def test_the_ends_of_lines_are_newlines_and_tabs_are_spaces() -> None:
    assert _told(Pastes(), f"{_BEGIN}a\rb\r\nc\nd\te{_END}") == ["", "<a\nb\nc\nd       e>"]


def test_of_two_pastes_each_is_one() -> None:
    assert _told(Pastes(), f"{_BEGIN}a{_END}{_BEGIN}{_END}x{_BEGIN}b{_END}") == ["", "<a>", "", "<>", "x", "<b>"]


@pytest.mark.parametrize("size", range(1, 13))
def test_a_mark_may_be_spread_over_several_reads(size: int) -> None:
    sent = f"ab{_BEGIN}{_HOSTILE}{_END}cd{_BEGIN}e{_END}"
    reads = [sent[at : at + size] for at in range(0, len(sent), size)]
    pastes = Pastes()
    parts = [part for read in reads for part in pastes.apart(read)]
    assert [part.text for part in parts if isinstance(part, events.Paste)] == [_PLAIN, "e"]
    typed = "".join(part for part in parts if isinstance(part, str))
    assert typed == f"ab{_BEGIN}{_END}cd{_BEGIN}{_END}"


def _of(length: int) -> Iterable[str]:
    yield _BEGIN
    for at in range(0, length, 4096):
        yield "x" * min(4096, length - at)
    yield _END + "q"


def test_of_what_is_longer_than_the_longest_nothing_is_taken() -> None:
    assert _told(Pastes(), *_of(LONGEST))[1:] == ["<" + "x" * LONGEST + ">", "q"]
    pastes = Pastes()
    assert _told(pastes, *_of(LONGEST + 1))[1:] == [PastedTooMuch.__name__, "q"]
    assert _told(pastes, f"{_BEGIN}a{_END}") == ["", "<a>"]


def test_a_paste_whose_end_was_lost_can_be_ended() -> None:
    pastes = Pastes()
    assert _told(pastes, f"{_BEGIN}a") == [""]
    end = pastes.end()
    assert isinstance(end, events.Paste)
    assert end.text == "a"
    assert _told(pastes, "q") == ["q"]


# On a pty, in a process: it writes down each key and each paste that reaches the app, and ends at a q;
# it says when it begins, and after each paste.
_APP = """
import json, os, sys
from textual import events
from textual.app import App
from nemotui.ui import driver
from nemotui.ui.widgets.field import Field
driver._SILENCE_S = {silence_s}

class Probe(App):
    ENABLE_COMMAND_PALETTE = False
    told = []

    def compose(self):
        if {field}:
            yield Field()

    def on_ready(self):
        os.write(1, b".")

    async def on_event(self, event):
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self.told.append(event.key if isinstance(event, events.Key) else "<" + event.text + ">")
            if self.told[-1] == "q":
                self.exit()
            elif isinstance(event, events.Paste):
                os.write(1, b".")
        await super().on_event(event)

app = Probe(driver_class=driver.TerminalDriver)
app.run()
print(json.dumps(app.told), end="", file=sys.__stdout__, flush=True)
"""


_PATIENCE_S = 60.0
_NEVER_S = 2 * _PATIENCE_S


def _heard(*reads: str, silence_s: float = _NEVER_S, field: bool = False) -> list[str]:
    """What an app was told whose terminal sent this, each once it was told of the paste before."""
    ours, its = pty.openpty()
    argv = [sys.executable, "-c", _APP.format(silence_s=silence_s, field=field)]
    with subprocess.Popen(argv, stdin=its, stdout=subprocess.PIPE, stderr=its, start_new_session=True) as app:
        os.close(its)
        assert app.stdout is not None
        try:
            said = _said_after(ours, app.stdout.fileno(), reads)
        finally:
            app.kill()
            os.close(ours)
    told: list[str] = json.loads(said)
    return told


def _said_after(terminal: int, said: int, reads: Iterable[str]) -> bytes:
    """What the app says at its end; what it draws meanwhile is read, so that it never waits for that."""
    text, deadline, due = b"", time.monotonic() + _PATIENCE_S, 1
    waiting = deque(read.encode() for read in reads)
    while not text.endswith(b"]"):
        writes = waiting and text.count(b".") >= due
        ready, writable, _ = select.select([terminal, said], [terminal] if writes else [], [], 1.0)
        assert time.monotonic() < deadline, text
        if terminal in ready:
            with suppress(OSError):  # so Linux says that the app has ended
                os.read(terminal, 65536)
        if said in ready:
            text += os.read(said, 65536)
        if writable:
            part = waiting.popleft()
            if rest := part[os.write(terminal, part[:1024]) :]:
                waiting.appendleft(rest)
            else:
                due += 1  # the next once it says that it was told of this one
    return text.lstrip(b".")


def test_a_driver_tells_of_a_paste_once_and_of_no_key_in_it() -> None:
    assert _heard(f"a{_BEGIN}{_HOSTILE}{_END}b\x1b[Aq") == ["a", f"<{_PLAIN}>", "b", "up", "q"]


def test_a_driver_takes_a_long_paste_full_of_sequences_as_one_text() -> None:
    line = "abc \x1b[31m x\r"
    assert _heard(_BEGIN + line * 8000 + _END, "q") == ["<" + "abc  x\n" * 8000 + ">", "q"]


def test_a_paste_that_never_ends_is_told_of_after_a_silence_and_keys_are_keys_again() -> None:
    assert _heard(f"{_BEGIN}a", "q", silence_s=0.1) == ["<a>", "q"]


def test_much_that_is_typed_into_a_field_at_once_is_one_text_up_to_the_next_key_that_is_none() -> None:
    *texts, enter, last = _heard("abc " * 100 + "\rq", field=True)
    assert "".join(text.removeprefix("<").removesuffix(">") for text in texts) == "abc " * 100
    assert any(text.startswith("<") for text in texts)
    assert (enter, last) == ("enter", "q")


def test_what_somebody_types_fast_are_keys() -> None:
    assert _heard("abcdefghijkl\rq", field=True) == [*"abcdefghijkl", "enter", "q"]


def test_where_there_is_no_field_much_at_once_are_keys() -> None:
    assert _heard("abc" * 20 + "q") == [*"abc" * 20, "q"]


@pytest.mark.anyio
@pytest.mark.parametrize("key", ["1", "2", "3", "4"])
async def test_where_nobody_types_a_paste_does_nothing(console: ConsoleFactory, key: str) -> None:
    async with console() as c:
        await c.press(key)
        await c.hold()
        before = c.text
        c.app.post_message(events.Paste("q5?\n:x\n"))
        await c.pilot.pause()
        assert c.text == before
        assert c.app.is_running


@pytest.mark.anyio
async def test_what_was_pasted_and_not_taken_is_said(console: ConsoleFactory) -> None:
    async with console() as c:
        c.app.post_message(PastedTooMuch())
        await c.until("What was pasted has more")
