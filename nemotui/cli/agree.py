"""A question to the person at the terminal."""

from __future__ import annotations

import asyncio
import sys

from nemotui.cli.verb import Invocation


def somebody_there(inv: Invocation) -> bool:
    """Whether there is anybody to be asked."""
    return sys.stdin.isatty() and not inv.as_json


async def agreed(inv: Invocation, question: str) -> bool:
    """Whether the person at the terminal says yes. The event loop waits for the line, so that Ctrl+C ends it."""
    inv.out.ask(f"{question} [y/N] ")
    answered, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), answered.set)
    try:
        await answered.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().strip().lower() in ("y", "yes")
