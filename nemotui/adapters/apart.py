"""A process that outlives us: a session of its own, so that it survives the terminal, and the logout where it can."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nemotui.adapters.logout import ends_at_logout, lingers


def spawn(
    module: str, arguments: Sequence[str], secrets: Mapping[str, str], log: Path, *, held: Sequence[int] = ()
) -> int:
    """`python -m MODULE ARGUMENTS…`, its output appended to `log`; its process id. Secrets reach it by environment.

    Signals that are `held` back reach it once it lets them, so that an early one finds it ready. Not by subprocess,
    which wants to own its children: this one is its own master.
    """
    # -P: what lies in the folder that we were called from must not stand in for a module.
    argv = [*_scope(), sys.executable, "-P", "-m", module, *arguments]
    create = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        argv[0],
        argv,
        {**os.environ, **secrets},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), create, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=held,
    )


def ends_with_us() -> bool:
    """Whether this host ends what we spawn when its user logs out, whatever we do."""
    return ends_at_logout() and not _scope()


def _scope() -> list[str]:
    """A way out of the session that logind will end: the user's own manager, where that goes on without a session.

    `systemd-run --scope` moves itself there and becomes the command, so the process id stays.
    """
    run = shutil.which("systemd-run")
    if run is None or not ends_at_logout() or not lingers():
        return []
    return [run, "--user", "--scope", "--quiet", "--collect", "--"]
