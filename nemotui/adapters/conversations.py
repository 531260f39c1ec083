"""Conversations on disk: JSON that is read again, Markdown beside it to be read elsewhere, for their owner alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from nemotui.adapters import threads
from nemotui.core.chat_text import as_markdown
from nemotui.core.conversation import Conversation
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.file_names import file_time, file_words
from nemotui.core.ports import Clock
from nemotui.core.stores import KeptConversation, StoredConversation
from nemotui.core.text import plain, plain_line, plain_values
from nemotui.whole_file import whole_file

_LIMIT = 64 * 1024 * 1024  # bytes of a file; no honest conversation is longer
_TRIES = 1000  # names that are tried before one gives up


class _File(msgspec.Struct, kw_only=True):
    """What stands in the JSON file; times of replies count from when the question went out."""

    kind: Literal["nemotui conversation"] = "nemotui conversation"
    format: Literal[1] = 1
    title: str
    conversation: Conversation


class ConversationsFolder:
    """`core.stores.ConversationStore` in one folder, whose lock every console takes to write."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    async def save(
        self, conversation: Conversation, kept: KeptConversation | None = None, *, name: str | None = None
    ) -> KeptConversation:
        return await threads.call(lambda: self._save(conversation, kept, name))

    async def listed(self, limit: int) -> tuple[Sequence[StoredConversation], int]:
        return await threads.call(self._listed, limit)

    async def open(self, name: str) -> tuple[Conversation, KeptConversation]:
        return await threads.call(self._open, name)

    # -- on a thread of their own

    def _save(self, conversation: Conversation, kept: KeptConversation | None, name: str | None) -> KeptConversation:
        turns = tuple(
            replace(turn, reply=turn.reply.from_zero() if turn.reply else None) for turn in conversation.turns
        )
        conversation = replace(conversation, turns=turns)
        document = msgspec.json.format(
            msgspec.json.encode(_File(title=conversation.title, conversation=conversation)), indent=1
        )
        text = as_markdown(conversation).encode("utf-8", "replace")
        try:
            with self._locked():
                path = self._path_for(conversation, kept, name)
                _write(path, document)
                _write(path.with_suffix(".md"), text)
        except OSError as error:
            what = f"the conversation cannot be written to {plain_line(str(self._folder))}: {error.strerror}"
            raise FailedError("conversation_not_saved", what, "Make room, or set state_dir to another place.") from None
        return KeptConversation(name=path.stem, path=str(path), version=_version(document, text))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._folder / ".lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path_for(self, conversation: Conversation, kept: KeptConversation | None, name: str | None) -> Path:
        if kept is not None:
            path = Path(kept.path)
            if _version(*(_read(each) for each in (path, path.with_suffix(".md")))) != kept.version:
                what = f"{kept.name} was changed by somebody else since it was read here"
                raise FailedError("conversation_changed", what, "Save this one under another name.")
            return path
        time = file_time(self._clock.now())
        words = file_words(name or conversation.title)
        stem = words if name and words else "-".join(filter(None, (time, words)))
        for number in range(1, _TRIES):
            path = self._folder / f"{stem}{'' if number == 1 else f'-{number}'}.json"
            if not (os.path.lexists(path) or os.path.lexists(path.with_suffix(".md"))):
                return path
        raise FailedError("conversation_not_saved", f"there are {_TRIES} conversations called {stem}", "Name another.")

    def _listed(self, limit: int) -> tuple[Sequence[StoredConversation], int]:
        paths = self._files()
        return [_stored(path, at) for at, path in paths[:limit]], max(0, len(paths) - limit)

    def _files(self) -> list[tuple[float, Path]]:
        """Newest first."""
        found = []
        with contextlib.suppress(OSError):
            for path in self._folder.glob("*.json"):
                with contextlib.suppress(OSError):
                    found.append((path.stat().st_mtime, path))
        return sorted(found, reverse=True)

    def _open(self, name: str) -> tuple[Conversation, KeptConversation]:
        path = self._find(name)
        shown = plain_line(path.stem)
        try:
            data = _read(path)
            conversation = _decoded(data)
            version = _version(data, _read(path.with_suffix(".md")))
        except (OSError, ValueError) as error:
            fix = "It was left as it is."
            raise FailedError("conversation_broken", f"{shown} cannot be opened: {_reason(error)}", fix) from None
        return conversation, KeptConversation(name=shown, path=str(path), version=version)

    def _find(self, name: str) -> Path:
        if name == "latest":
            for _, path in self._files():
                return path
        elif name.endswith(".json") and Path(name).is_file():
            return Path(name).absolute()
        elif (path := self._folder / f"{Path(name).name}.json").is_file():
            return path
        raise UsageError(
            "no_conversation", f"there is no conversation {plain_line(name)!r}", "See `nemotui chat --list`."
        )


def _stored(path: Path, at: float) -> StoredConversation:
    name = plain_line(path.stem)
    try:
        conversation = _decoded(_read(path))
    except (OSError, ValueError) as error:
        return StoredConversation(name=name, saved_at=at, problem=_reason(error))
    model = next((turn.model for turn in reversed(conversation.turns) if turn.model), None)
    return StoredConversation(
        name=name, saved_at=at, title=conversation.title, turns=len(conversation.turns), model=model
    )


def _decoded(data: bytes | None) -> Conversation:
    """Raises `ValueError` for what is no conversation. A file may come from anywhere: its text is made plain."""
    if data is None:
        raise ValueError("it is gone")
    if len(data) > _LIMIT:
        raise ValueError(f"it is over {_LIMIT} bytes")
    try:
        values = plain_values(msgspec.json.decode(data, type=dict), plain)
        conversation = msgspec.convert(values, _File).conversation
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    # What was being written when it was saved is over by now.
    return replace(conversation, turns=tuple(replace(turn, over=True) for turn in conversation.turns))


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    if isinstance(error, msgspec.ValidationError):
        return f"it is no conversation of ours ({plain_line(str(error), limit=120)})"
    return plain_line(str(error), limit=160)


def _read(path: Path) -> bytes | None:
    """No more of it than is looked at; None where it is not there."""
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT + 1)
    except FileNotFoundError:
        return None


def _version(document: bytes | None, text: bytes | None) -> str:
    return "-".join("none" if part is None else hashlib.sha256(part).hexdigest() for part in (document, text))


def _write(path: Path, data: bytes) -> None:
    with whole_file(path, private=True) as file:
        file.write(data)
