"""What a verb says: text for people, JSON for scripts, both from the same answer."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

import msgspec

from nemotui.core import show
from nemotui.core.errors import FailedError, Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """A verb's result: the JSON document, the same as text, and how it went."""

    document: Mapping[str, Any]
    text: str = ""
    exit_code: int = 0
    error: Problem | None = None


class Output:
    """Standard output and standard error of one verb.

    With `as_json` only JSON reaches standard output: one document, or with `lines` one object a line, the last of
    them the result. Everything for people goes to standard error then.
    """

    def __init__(self, *, as_json: bool, lines: bool) -> None:
        self.as_json = as_json
        self.lines = lines
        self._pending = False  # a progress line stands there without its newline
        self.afterwards = ""  # what goes on after Ctrl+C, and how to come back to it

    def say(self, text: str) -> None:
        """A line for people about what is going on."""
        self._write(sys.stderr if self.as_json else sys.stdout, text + "\n")

    def note(self, text: str) -> None:
        """A line for people that is never part of what a verb answers."""
        self._write(sys.stderr, text + "\n")

    def ask(self, question: str) -> None:
        """A question whose answer is typed behind it."""
        self._write(sys.stderr, question)

    def progress(self, text: str) -> None:
        """A line that the next one replaces; only where a person watches, so that it never fills a log."""
        if not self.as_json and sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            self._pending = True
            self._write(sys.stderr, f"\r\x1b[2K{text[:width]}", keep=True)

    def bell(self) -> None:
        """For whoever looks elsewhere; only on a terminal."""
        if sys.stderr.isatty():
            self._write(sys.stderr, "\a")

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        """One JSON line of a verb that prints lines; nothing without `--json`."""
        if self.as_json:
            self._json({"event": name, **fields})

    def answer(self, answer: Answer) -> None:
        """The last word."""
        if self.as_json:
            document = {**answer.document, "error": asdict(answer.error) if answer.error else None}
            self._json({"event": "result", **document} if self.lines else document)
            return
        if answer.text:
            self._write(sys.stdout, answer.text + "\n")
        if answer.error:
            self._write(sys.stderr, f"nemotui: {answer.error}\n")

    def _json(self, document: Mapping[str, Any]) -> None:
        data = msgspec.json.encode(document)
        self._write(sys.stdout, (data if self.lines else msgspec.json.format(data, indent=2)).decode() + "\n")

    def _write(self, stream: TextIO, text: str, *, keep: bool = False) -> None:
        if self._pending and not keep:
            self._pending = False
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
        put(stream, text)


def put(stream: TextIO, text: str) -> None:
    """Write it now. A terminal that is not UTF-8 gets question marks, never a traceback."""
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        fix = "Make room, or send it elsewhere."
        raise FailedError("output", f"the output cannot be written: {error.strerror}", fix) from None


def columns() -> int:
    """The width to write for: the terminal's, 80 where there is none."""
    return max(40, shutil.get_terminal_size().columns)


def wrapped(text: str, indent: str = "") -> str:
    """Text as an indented paragraph."""
    return textwrap.fill(
        text, columns(), initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def shell(argv: Sequence[str]) -> str:
    """A command to be read and pasted, as wide as the terminal."""
    return show.shell(argv, columns())


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Rows as aligned columns, two spaces apart; the columns listed in `right` are right-aligned."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )
