"""Prompts of the lab: those that ship (data of the catalogue), and a file of one's own, by lines or as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nemotui.core.errors import UsageError
from nemotui.core.text import plain, plain_line

FILE_LIMIT: Final = 16 * 1024 * 1024  # bytes
MOST_PROMPTS: Final = 1000
_NAME = 40  # characters
_SHAPE = 'Write one prompt a line, or one object a line: {"prompt": "…", "name": "…"}.'


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPrompt:
    """A prompt, plain text, and a short name for tables. `shows`: what to look for in the answers, where that is known.

    Of a prompt that ships it also says the right answer, so that a fast and wrong one is seen.
    """

    name: str
    prompt: str
    shows: str = ""


def typed(text: str) -> LabPrompt:
    """A prompt that has no name of its own; raises `UsageError` for a blank one."""
    prompt = plain(text).strip()
    if not prompt:
        raise UsageError("prompt", "there is no question", "Give one.")
    return LabPrompt(name=plain_line(prompt.replace("\n", " "), limit=_NAME), prompt=prompt)


def parse_prompts(data: bytes, where: str) -> tuple[LabPrompt, ...]:
    """The prompts of a file: JSON Lines where it begins as JSON does, else a prompt a line; blank lines count for none.

    `where` names the file in errors. Raises `UsageError` with the line that is wrong.
    """
    if len(data) > FILE_LIMIT:
        raise UsageError("prompts", f"{where} is over {FILE_LIMIT} bytes", "Give fewer prompts, or shorter ones.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = data.count(b"\n", 0, error.start) + 1
        raise UsageError("prompts", f"{where}, line {wrong}: it is not UTF-8 text", _SHAPE) from None
    made = _object if text.lstrip()[:1] in ("{", "[") else typed
    prompts = []
    for number, line in _lines(text):
        try:
            prompts.append(made(line))
        except ValueError as error:
            raise UsageError("prompts", f"{where}, line {number}: {plain_line(str(error))}", _SHAPE) from None
        except UsageError:
            raise UsageError("prompts", f"{where}, line {number}: the prompt is empty", _SHAPE) from None
        if len(prompts) > MOST_PROMPTS:
            raise UsageError("prompts", f"{where} has over {MOST_PROMPTS} prompts", "Split it.")
    if not prompts:
        raise UsageError("prompts", f"{where} has no prompt in it", _SHAPE)
    return tuple(prompts)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


def _object(line: str) -> LabPrompt:
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is not one JSON object") from None
    if not isinstance(found, dict):
        raise ValueError("it is not one JSON object")
    prompt, name = found.get("prompt"), found.get("name")
    if not isinstance(prompt, str):
        raise ValueError('it has no text under "prompt"')
    if name is not None and not isinstance(name, str):
        raise ValueError('"name" is not a text')
    made = typed(prompt)
    called = plain_line((name or "").replace("\n", " "), limit=_NAME).strip()
    return LabPrompt(name=called or made.name, prompt=made.prompt)
