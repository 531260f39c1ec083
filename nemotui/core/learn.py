"""After a start: its memory, kept for the next plan on this machine, and its times, for the next start."""

from __future__ import annotations

from contextlib import suppress

from nemotui.core.deploy import Ready
from nemotui.core.errors import FailedError, NemotuiError
from nemotui.core.measured import MeasuredStart, measured_start
from nemotui.core.ports import Backends


async def learn(b: Backends, ready: Ready) -> MeasuredStart | None:
    """What this start taught, stored; None where it taught nothing. A state directory that is full only forgets."""
    try:
        machine = await b.probe.sample()
    except NemotuiError:
        machine = None
    start = measured_start(ready.container, machine, ready.tracker, ready.metrics, at=b.clock.now())
    if start is not None and b.starts is not None:
        with suppress(FailedError):
            b.starts.add(start)
    return start
