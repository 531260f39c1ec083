"""The catalogue: facts as data (TOML beside this file), read and checked into the dataclasses of `core.models`."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from nemotui.core.chip import Chip
from nemotui.core.errors import UsageError
from nemotui.core.text import plain_line

if TYPE_CHECKING:
    from nemotui.core.models import Catalog

_LIMIT = 1024 * 1024
_T = TypeVar("_T")


def load_chips() -> tuple[Chip, ...]:
    """The chips that ship with nemotui: all that a pretend machine needs before its first picture."""
    return tuple(_entries("chips.toml", "chip", _shipped("chips", {"chip"}), Chip))


def load_catalog(extra: Path | None = None) -> Catalog:
    """What ships with nemotui, and the `[[chip]]` and `[[model]]` entries of a user's own file.

    A chip wins over ours of the same name; a model is planned for where `--model-path` names one of its repositories.

    Raises `UsageError` naming the file, the entry and the field that is wrong.
    """
    from nemotui.core.gates import DefaultSeqs, Fp8KvCache, Gates, Limits, PrefixStates
    from nemotui.core.lab_prompts import LabPrompt
    from nemotui.core.models import Catalog, Model, PublishedRow

    model, prompts = _shipped("model", {"model"}), _shipped("prompts", {"prompt"})
    gates = _shipped("vllm", {field.name for field in fields(Gates)})
    published = _shipped("published", {"published"})
    found = {chip.name: chip for chip in load_chips()}
    others: list[Model] = []
    if extra is not None:
        own = _own(extra)
        found |= {chip.name: chip for chip in _entries(str(extra), "chip", own, Chip)}
        others = _entries(str(extra), "model", own, Model)
    return Catalog(
        model=_entry("model.toml", "model", model["model"], Model),
        gates=Gates(
            fp8_kv_cache=_entry("vllm.toml", "fp8_kv_cache", gates.get("fp8_kv_cache"), Fp8KvCache),
            prefix_states=_entry("vllm.toml", "prefix_states", gates.get("prefix_states"), PrefixStates),
            default_seqs=_entry("vllm.toml", "default_seqs", gates.get("default_seqs"), DefaultSeqs),
            limits=_entry("vllm.toml", "limits", gates.get("limits"), Limits),
        ),
        chips=tuple(found.values()),
        published=tuple(_entries("published.toml", "published", published, PublishedRow)),
        others=tuple(others),
        prompts=tuple(_entries("prompts.toml", "prompt", prompts, LabPrompt)),
    )


def _shipped(name: str, tables: set[str]) -> dict[str, Any]:
    return _parse(f"{name}.toml", resources.files(__name__).joinpath(f"{name}.toml").read_bytes(), tables)


def _own(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError("catalog", f"{file} cannot be read: {error.strerror}", "Give a readable TOML file.") from error
    if len(data) > _LIMIT:
        raise UsageError("catalog", f"{file} is over {_LIMIT} bytes", "That is no catalogue.")
    return _parse(str(file), data, {"chip", "model"})


def _parse(file: str, data: bytes, tables: set[str]) -> dict[str, Any]:
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(
            "catalog", f"{plain_line(file)} is not TOML: {plain_line(str(error))}", "Correct the file."
        ) from error
    if strange := sorted(document.keys() - tables):
        raise UsageError("catalog", f"{file}: unknown table {strange[0]!r}", f"Known: {', '.join(sorted(tables))}.")
    return document


def _entries(file: str, table: str, document: dict[str, Any], kind: type[_T]) -> list[_T]:
    entries = document.get(table, [])
    if not isinstance(entries, list):
        raise UsageError("catalog", f"{file}: {table} must be a list of tables", f"Begin each entry with [[{table}]].")
    return [_entry(file, f"{table} {number}", entry, kind) for number, entry in enumerate(entries, start=1)]


def _entry(file: str, where: str, entry: Any, kind: type[_T]) -> _T:
    if isinstance(entry, dict) and isinstance(entry.get("name"), str):
        where = f"{where} ({plain_line(entry['name'], limit=80)})"
    try:
        _known(entry, kind)
        return msgspec.convert(entry, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError("catalog", f"{file}: {where}: {error}", "Correct that entry.") from error


def _known(entry: Any, kind: type[Any]) -> None:
    """msgspec lets unknown fields of a dataclass pass; here they are a misspelt fact."""
    if not isinstance(entry, dict):
        return
    if strange := sorted(entry.keys() - {field.name for field in fields(kind)}):
        raise ValueError(f"unknown field {strange[0]!r}")
    for inner in ("variants", "facts"):
        for one in entry.get(inner, ()) if isinstance(entry.get(inner, ()), list) else ():
            from nemotui.core.models import Fact, Variant

            _known(one, Variant if inner == "variants" else Fact)
