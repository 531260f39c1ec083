"""Text from outside made plain, once, at the adapter: after this it can be drawn anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

MAX_LINE = 2000
_PARTS = 64  # of a line with `\r`, from its end, that are looked at for one with text

# CSI, OSC/DCS/SOS/PM/APC (ended by BEL or ST, else by the end of the line: one that never ends must not take the rest
# of an answer with it), then any other escape of two or three bytes; the 8-bit C1 introducers of the same are matched
# too.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 without tab and newline, DEL, C1, the line separators, and the bidirectional controls that reorder a screen.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str, *, tabs: int = 8) -> str:
    """Text without escape sequences and control characters; newlines stay, tabs become spaces.

    For text of several lines, such as a model's answer. It does not cap the length.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).expandtabs(tabs)


def escaped(text: str) -> str:
    """Raw text for the eye: what `plain` would take away stands as `\\uXXXX`, a byte that was not UTF-8 as `\\xXX`.

    Such a byte is a surrogate here, as `surrogateescape` decodes it. JSON means the same afterwards: within its
    strings that is how such characters are written.
    """
    return text if text.isprintable() else _CONTROLS.sub(_escape, text.replace("\t", "\\t"))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


# Every escape of a JSON text, one after the other, so that a backslash that is itself escaped begins none.
_JSON_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def decoded(decode: Callable[[str], T], json_text: str) -> tuple[T, int]:
    """What a strict parser makes of JSON, and how many halves of characters it had, each of which is U+FFFD now.

    A server that cuts an emoji between two tokens writes UTF-16 surrogates without their other half, and a strict
    parser refuses the whole text for one. Raises what `decode` raises for anything else that is wrong.
    """
    try:
        return decode(json_text), 0
    except ValueError:
        mended, halves = _whole_characters(json_text)
        if not halves:
            raise
    return decode(mended), halves


def _whole_characters(json_text: str) -> tuple[str, int]:
    halves = 0

    def mended(found: re.Match[str]) -> str:
        nonlocal halves
        halves += found["half"] is not None
        return found[0] if found["half"] is None else "\\ufffd"

    return _JSON_ESCAPES.sub(mended, json_text), halves


def plain_line(text: str | bytes, *, limit: int = MAX_LINE) -> str:
    """One line as a terminal would show it last: the part after the last `\\r` that has text, made plain, capped.

    Bytes are read as UTF-8 with replacement characters for what is not.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = text.rstrip("\r\n")
    if text.isprintable():  # nearly every line of a log, and a flood has fifty thousand a second
        return text if len(text) <= limit else text[: limit - 1] + "…"
    line = ""
    for part in reversed(text.rsplit("\r", _PARTS)):
        # Cut before the regular expressions run, with room for what they take away: a line can be megabytes long.
        line = plain(part[: limit * 8].replace("\n", " "))
        if line:
            break
    return line if len(line) <= limit else line[: limit - 1] + "…"


def plain_values(value: Any, made: Callable[[str], str] = plain_line) -> Any:
    """JSON values of any depth with every string in them `made` plain, and every key one plain line."""
    match value:
        case str():
            return made(value)
        case list():
            return [plain_values(item, made) for item in value]
        case dict():
            return {plain_line(key): plain_values(item, made) for key, item in value.items()}
        case _:
            return value
