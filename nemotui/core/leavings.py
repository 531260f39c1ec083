"""What nemotui has left on this machine: each thing with its size, and why one is not to be removed now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

from nemotui.core.show import size

LeavingKind = Literal[
    "containers",
    "images",
    "weights",
    "caches",
    "runs",
    "conversations",
    "labs",
    "handovers",
    "logs",
    "incidents",
    "starts",
    "keys",
]
KINDS: Final[tuple[LeavingKind, ...]] = get_args(LeavingKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """One thing. `name` is what it is known by (a path, a container's name, an image); `size_bytes` None if unknown.

    `kept`: why it stays for now, in words; empty where it can be removed.
    """

    kind: LeavingKind
    name: str
    size_bytes: int | None = None
    note: str = ""
    kept: str = ""


class Leavings(Protocol):
    """What was left, and its end. Nothing of anybody else's is among it."""

    async def found(self) -> Sequence[Leaving]:
        """All of it, by kind."""

    async def remove(self, leaving: Leaving) -> None:
        """Raises `FailedError` where it cannot be removed, or is in use by now."""


def by_kind(found: Sequence[Leaving]) -> list[str]:
    """A line a kind that there is: how many, and their size together, of those whose size is known."""
    of_kinds = {kind: [each for each in found if each.kind == kind] for kind in KINDS}
    return [
        f"{kind:<13} {len(some):>5} {size(sum(each.size_bytes or 0 for each in some)):>10}"
        for kind, some in of_kinds.items()
        if some
    ]
