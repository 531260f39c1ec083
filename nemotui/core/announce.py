"""When a start has ended, well or badly: the user's own command is told."""

from __future__ import annotations

from nemotui.core.deploy import Ready
from nemotui.core.errors import NemotuiError
from nemotui.core.failed import Failed
from nemotui.core.ports import Backends


async def announce(b: Backends, event: Ready | Failed) -> str | None:
    """Run it, where there is one. What kept it from running, in words: a start is no worse for that."""
    if b.announcer is None:
        return None
    ready = isinstance(event, Ready)
    environment = {
        "NEMOTUI_STATE": "ready" if ready else "failed",
        "NEMOTUI_CONTAINER": event.container.name if event.container else "",
        "NEMOTUI_URL": event.base_url if isinstance(event, Ready) else "",
        "NEMOTUI_CAUSE": event.cause if isinstance(event, Failed) else "",
    }
    try:
        await b.announcer(environment)
    except NemotuiError as error:
        return str(error)
    return None
