"""The terminal's keys through the event loop, one after another.

Textual's own driver wakes a thread ten times a second to ask for them: a quarter of what a console at rest costs. And
it hands on at once what came at once: of a burst, which a slow line makes of what was typed in a second, all keys would
go to whoever had the focus when it came.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from threading import Thread
from typing import IO, Any

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App, ScreenStackError
from textual.constants import ESCAPE_DELAY
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.message_pump import MessagePump
from textual.widget import Widget

from nemotui.ui.pasting import Pastes

_MOST = 4096  # bytes at once: a long paste does not hold the screen up
_PATIENCE_S = 1.0  # then the next key is handed on, whatever the one before does
_SILENCE_S = 5.0  # within a paste; then its end was lost, and what comes are keys again
_TYPED_AT_ONCE = 32  # characters of which nobody types so many while one is handled: an old terminal's paste
_ROUNDS = 2  # what a key sets off may set off something in turn, such as a dialog
_GRACE_S = 3.0  # for what waits to be stored once the terminal is gone; then the process ends, whatever it does
_ESC = "\x1b"
# What follows an Esc that begins a sequence; the last four are a word back and on, and what terminals send for Alt+Del.
_GO_ON = frozenset("[OP]_" + _ESC + "bf\x7f\t")


class TerminalGone(Message):
    """Nobody can type any more."""


class _Screenless:
    """The terminal as a file, which takes what nobody will see: a write that fails would end Textual's writer, and the
    next ones would wait for it for ever."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.fileno = file.fileno

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file.flush()


class TerminalDriver(LinuxDriver):
    """Textual's driver, but it waits for keys instead of looking for them, and outlives its terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert self._file is not None
        self._file = _Screenless(self._file)  # type: ignore[assignment]  # of a file Textual's writer needs no more
        Thread(target=_end_without_terminal, args=(self.fileno,), name="terminal", daemon=True).start()

    def _sigcont_application(self, *_: Any) -> None:
        """A SIGCONT comes also to whoever was never suspended, such as from the kernel when the terminal hangs up.

        Textual would start a second writer beside the first. What is begun anew is ended first; by the event loop, for
        a signal may come while this very thread holds the writer's lock.
        """
        if self._writer_thread is not None and self._writer_thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_anew)
        else:
            super()._sigcont_application()

    def _begin_anew(self) -> None:
        if self._auto_restart and self._app.is_running:
            self.suspend_application_mode()
            self.resume_application_mode()
            self._app.refresh(layout=True)

    def run_input_thread(self) -> None:
        """Textual's thread, which ends at once: from now on the event loop says when there is something to read."""
        self._parser = XTermParser(self._debug)
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._pastes = Pastes()
        self._silence: asyncio.TimerHandle | None = None  # since the last of a paste whose end has yet to come
        self._escaped = False  # the last that came is an Esc, of which more may come
        self._waiting: deque[Message] = deque()
        self._handing: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[float] | None = None  # when the terminal answered
        self._loop.call_soon_threadsafe(self._loop.add_reader, self.fileno, self._read)

    def disable_input(self) -> None:
        """Nobody reads any more."""
        self._loop.remove_reader(self.fileno)
        super().disable_input()

    async def round_trip(self) -> float | None:
        """How long the terminal takes to answer, there and back, in seconds; None: it does not within a second."""
        self._answer = self._loop.create_future()
        asked_at = self._loop.time()
        self.write("\x1b[6n")  # where is the cursor? Every terminal says
        self.flush()
        try:
            return await asyncio.wait_for(self._answer, _PATIENCE_S) - asked_at
        except TimeoutError:
            return None

    def _take(self, messages: Iterable[Message]) -> None:
        """Hand these on, each once the keys before it have done what they do."""
        for message in messages:
            if not isinstance(message, events.CursorPosition):
                self._waiting.append(message)
            elif self._answer is not None and not self._answer.done():
                self._answer.set_result(self._loop.time())
        if self._waiting and (self._handing is None or self._handing.done()):
            self._handing = self._loop.create_task(self._hand_on())

    def _read(self) -> None:
        try:
            data = os.read(self.fileno, _MOST)
        except OSError:  # so Linux says that the terminal is gone
            data = b""
        if not data:
            self._loop.remove_reader(self.fileno)
            self.process_message(TerminalGone())
            return
        if text := self._decode(data):  # else it ends within a character
            self._take(self._parsed(text))
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(_SILENCE_S, self._end_paste) if self._pastes.begun else None
        # An escape of which nothing more has come by then is the key of that name.
        self._loop.call_later(ESCAPE_DELAY, self._tick)

    def _end_paste(self) -> None:
        self._take([self._pastes.end()])

    def _parsed(self, text: str) -> Iterator[Message]:
        """The keys in it, and what was pasted; the parser saw only the marks of that."""
        for part in self._pastes.apart(text):
            if isinstance(part, str):
                yield from (key for key in self._typed(part) if not isinstance(key, events.Paste))
            else:
                yield part

    def _typed(self, text: str) -> Iterator[Message]:
        """An Esc and a character are two keys, however close together they came: none here has Alt."""
        for piece in _apart(text):
            if self._escaped and _is_key_after_esc(piece[0]):
                yield from self._esc()
            yield from self._parser.feed(piece)
            self._escaped = piece.endswith(_ESC)

    def _esc(self) -> Iterator[Message]:
        self._parser._timeout_time = 0.0  # it waits for more of a sequence: there will be none
        yield from self._parser.tick()

    def _tick(self) -> None:
        found = list(self._parser.tick())
        self._escaped = self._escaped and not found
        self._take(found)

    async def _hand_on(self) -> None:
        while self._waiting:
            message = self._next()
            self.process_message(message)
            if isinstance(message, events.Key | events.Paste):
                await key_done(self._app)

    def _next(self) -> Message:
        """The next that waits; or so much to be typed into a field that key by key it takes seconds, as one text."""
        characters = list(_text_for(_focused(self._app), self._waiting))
        if len(characters) < _TYPED_AT_ONCE:
            return self._waiting.popleft()
        for _ in characters:
            self._waiting.popleft()
        return events.Paste("".join(characters))

    def send_message(self, message: Message) -> None:
        """At once: this is the event loop's own thread."""
        self._app.post_message(message)


async def key_done(app: App[Any], patience_s: float = _PATIENCE_S) -> None:
    """Until the app, and those whom it gave the last key to, are through with it; after so many seconds anyway."""
    try:
        async with asyncio.timeout(patience_s):
            await _through(app)
            for _ in range(_ROUNDS):
                for node in (app.focused or app.screen).ancestors_with_self:
                    await _through(node)
                await _through(app)  # which changes the focus when it is asked to
    except (TimeoutError, LookupError, ScreenStackError):  # no screen: it ends
        return


def _focused(app: App[Any]) -> Widget | None:
    try:
        return app.focused
    except ScreenStackError:  # it ends
        return None


def _text_for(field: Widget | None, waiting: Iterable[Message]) -> Iterator[str]:
    """The characters that it would take as text, up to the first key that it would not."""
    for key in waiting:
        if field is None or not isinstance(key, events.Key) or not key.character:
            return
        if not key.is_printable or not field.check_consume_key(key.key, key.character):
            return
        yield key.character


def _end_without_terminal(fileno: int) -> None:
    """A thread of its own, which sleeps until the terminal is gone: nobody could end a console that hangs then."""
    gone = select.poll()
    gone.register(fileno, 0)  # whatever is asked for, that it has hung up is told
    gone.poll()
    time.sleep(_GRACE_S)
    os._exit(128 + signal.SIGHUP)


async def _through(pump: MessagePump) -> None:
    """Until it has handled all that it was sent so far."""
    done = asyncio.Event()
    if pump.call_later(done.set):
        await done.wait()


def _apart(text: str) -> Iterator[str]:
    """The text in pieces, cut after each Esc that is a key of its own."""
    begin = 0
    for at, (character, following) in enumerate(pairwise(text), 1):
        if character == _ESC and _is_key_after_esc(following):
            yield text[begin:at]
            begin = at
    yield text[begin:]


def _is_key_after_esc(character: str) -> bool:
    return character not in _GO_ON
