"""The document of `nemotui gpus --json`, which `--machine FILE` reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from nemotui.core.catalog_entry import capability
from nemotui.core.errors import UsageError
from nemotui.core.hardware import Machine, NoGpusError
from nemotui.core.text import plain_line, plain_values

_MAX_BYTES = 8 * 2**20
_MOST_GPUS = 64  # four times what any one box has; the tables of each with each take seconds for thousands
_FIX = "Write one with `nemotui gpus --json > machine.json`."


def machine_json(machine: Machine) -> dict[str, Any]:
    """The machine as JSON values; `read_machine` gives an equal `Machine` back."""
    document: dict[str, Any] = msgspec.to_builtins(machine)
    return document


def read_machine(path: Path) -> Machine:
    """The machine that a file describes, its text made plain.

    Raises `UsageError` naming the file and the field where it cannot be one.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(path, f"it cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise _wrong(path, f"it is longer than {_MAX_BYTES // 2**20} MiB")
    try:
        machine = msgspec.convert(plain_values(msgspec.json.decode(data)), Machine)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise _wrong(path, f"{where.strip('.`') or 'document'}: {what[:1].lower()}{what[1:]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(path, f"it is not JSON: {plain_line(str(error))}") from None
    _check(path, machine)
    return machine


class FileProbe:
    """`core.ports.MachineProbe` for a machine described in a file: always the same answer."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        """The machine; raises the error that the file recorded, as the real one would."""
        if self._machine.error:
            raise NoGpusError(self._machine)
        return self._machine

    async def close(self) -> None:
        """Nothing is held."""


def _wrong(path: Path, reason: str) -> UsageError:
    return UsageError("machine_file", f"{plain_line(str(path))} is not a machine file: {reason}", _FIX)


def _check(path: Path, machine: Machine) -> None:
    """What the types do not say: how many GPUs, told apart by index and UUID; links join GPUs; no size is negative;
    versions are numbers.
    """
    if len(machine.gpus) > _MOST_GPUS:
        raise _wrong(path, f"gpus: {len(machine.gpus):,} are more than the {_MOST_GPUS} that one box can have")
    for name in ("index", "uuid"):
        seen = [getattr(gpu, name) for gpu in machine.gpus]
        if twice := {value for value in seen if seen.count(value) > 1}:
            raise _wrong(path, f"gpus: {name} {min(twice)} appears twice")
    for position, gpu in enumerate(machine.gpus):
        for name in ("index", "memory_total_bytes", "memory_free_bytes", "memory_used_bytes", "memory_reserved_bytes"):
            if (getattr(gpu, name) or 0) < 0:
                raise _wrong(path, f"gpus[{position}].{name}: it is negative")
        try:
            capability(gpu.compute_capability or "0.0")
        except ValueError as error:
            raise _wrong(path, f"gpus[{position}].compute_capability: {plain_line(str(error))}") from None
    uuids = {gpu.uuid for gpu in machine.gpus}
    for position, link in enumerate(machine.links):
        if stranger := {link.a, link.b} - uuids:
            raise _wrong(path, f"links[{position}]: no GPU has the UUID {min(stranger)}")
