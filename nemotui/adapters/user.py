"""Who we are on this host."""

from __future__ import annotations

import getpass
import os

from nemotui.core.text import plain_line


def user_name() -> str:
    """The user's name, plain; its number where it has no name, as in many a container."""
    try:
        return plain_line(getpass.getuser())
    except (KeyError, OSError):
        return str(os.getuid())
