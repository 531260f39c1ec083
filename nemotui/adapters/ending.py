"""Ending a process that its container has left behind: only one that the kernel still counts to that container."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from nemotui.adapters import threads
from nemotui.core.errors import FailedError

_PATIENCE_S = 5.0  # after SIGTERM, then after SIGKILL
_PROC = Path("/proc")


async def end_process(pid: int, container_id: str) -> None:
    """SIGTERM, then SIGKILL. Raises `FailedError` where it is not that container's, may not be ended, or lives on."""
    await threads.call(lambda: _end(pid, container_id))


def _end(pid: int, container_id: str) -> None:
    if not _alive(pid):
        return
    # A PID may be another process's by now, or count in another namespace.
    if container_id not in _cgroup(pid):
        raise FailedError("not_ours", f"process {pid} does not belong to the container", "See it with `ps -fp PID`.")
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise FailedError("no_permission", f"process {pid} is root's", f"End it: `sudo kill -9 {pid}`.") from None
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            if not _alive(pid):
                return
            time.sleep(0.05)
    fix = "It waits in the driver: reboot, or reset the GPU once nothing uses it; `dmesg` tells more."
    raise FailedError("lives_on", f"process {pid} cannot be killed", fix)


def _alive(pid: int) -> bool:
    with suppress(OSError, IndexError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def _cgroup(pid: int) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / "cgroup").read_text(errors="replace")
    return ""
