"""Waiting for what another process or thread brings about: a test says what must come, not how soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 300.0  # on a box that is busy with something else
_LOOK_S = 0.02


def until(there: Callable[[], object]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(_LOOK_S)


async def until_there(there: Callable[[], object]) -> None:
    """The same, while the event loop goes on."""
    async with asyncio.timeout(PATIENCE_S):
        while not there():  # noqa: ASYNC110 - the other side knows nothing of our loop
            await asyncio.sleep(_LOOK_S)


def alive(pid: int) -> bool:
    """Whether a process of this number runs; one that has ended and nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
