"""Ports of this machine: one that is free, whether somebody listens."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of the loopback that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            return True
    except OSError:
        return False
