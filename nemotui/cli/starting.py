"""A start that goes on, as a line for a terminal and as a JSON event."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nemotui.cli.output import columns
from nemotui.core.deploy import Starting
from nemotui.core.show import arriving, duration, gib
from nemotui.core.text import plain_line


def starting_line(event: Starting) -> str:
    """How far it is, when it should be ready, and the most telling of what goes on."""
    eta = f"ready in about {duration(event.eta_s)}" if event.eta_s is not None else "no estimate"
    if event.eta_s is not None and not event.tracker.expected.measured:
        eta += " (typical)"
    fetch, sight = event.sight.fetch, event.sight
    doing = event.detail
    if event.phase == "download" and fetch is not None and not fetch.whole:
        doing = f"weights {arriving(fetch.held_bytes, fetch.total_bytes, fetch.bytes_per_s, fetch.eta_s)}"
    elif event.phase == "weights" and sight.gpu_used_bytes is not None:
        doing = f"GPU memory {gib(sight.gpu_used_bytes)}  {doing}"
    line = f"{duration(event.elapsed_s):>6}  {event.phase:<8} {event.fraction * 100:3.0f} %  {eta}  {doing}".rstrip()
    return plain_line(line, limit=columns())


def starting_json(event: Starting) -> dict[str, Any]:
    """All of it; `eta_measured`: by an earlier start here."""
    sight = event.sight
    return {
        "phase": event.phase,
        "fraction": event.fraction,
        "eta_s": event.eta_s,
        "eta_measured": event.tracker.expected.measured,
        "elapsed_s": event.elapsed_s,
        "silent_s": event.silent_s,
        "detail": event.detail,
        "weights": asdict(sight.fetch) if sight.fetch else None,
        "gpu_memory_used_bytes": sight.gpu_used_bytes,
        "gpu_memory_total_bytes": sight.gpu_total_bytes,
    }
