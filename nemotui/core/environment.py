"""What a benchmark was measured on: kept beside its figures, nothing secret."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nemotui import __version__
from nemotui.core.errors import NemotuiError
from nemotui.core.ports import Backends, ModelServer


async def run_environment(b: Backends, server: ModelServer) -> dict[str, Any]:
    """The machine, our running containers, the versions; null for what cannot be known now."""
    try:
        machine = asdict(await b.probe.sample())
    except NemotuiError:
        machine = None
    try:
        containers = [
            {**asdict(c), "labels": dict(c.labels)} for c in await b.runtime.containers() if c.state == "running"
        ]
    except NemotuiError:
        containers = []
    return {
        "nemotui_version": __version__,
        "server_version": await server.version(),
        "machine": machine,
        "containers": containers,
    }
