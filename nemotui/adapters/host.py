"""The box around the GPUs: processors, memory, and the disk that the weights will need."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from nemotui.adapters.reading import Reading
from nemotui.core.hardware import Host
from nemotui.core.surroundings import Disk
from nemotui.core.text import plain_line

if TYPE_CHECKING:
    from nemotui.core.ports import Clock

_DISK_EVERY_S = 30.0
_PATIENCE_S = 0.5  # longer than either takes, and short enough not to be noticed


class HostReadings:
    """The host as it was last read, and since when it has not answered.

    A stalled network file system blocks whoever asks for its free space, for hours (NFS, `hard`): the disk is read on
    its own, seldom, and nothing waits for it.
    """

    def __init__(self, host: Callable[[], Host], disk: Callable[[], Disk | None], clock: Clock) -> None:
        self._host = Reading(host, clock)
        self._disk = Reading(disk, clock)

    def begin(self) -> None:
        """Read what is due."""
        self._host.begin()
        if self._disk.task is None or self._disk.waiting_s >= _DISK_EVERY_S:
            self._disk.begin()

    async def now(self) -> Host:
        """The host; its values old where it does not answer."""
        await self._host.wait(_PATIENCE_S)
        await self._disk.wait(_PATIENCE_S)
        disk = self._disk.last
        return replace(
            self._host.last or Host(),
            disk_path=disk.path if disk else None,
            disk_free_bytes=disk.free_bytes if disk else None,
            age_s=self._host.silent_s,
            disk_age_s=self._disk.silent_s,
        )


class HostProbe:
    """Reads a `Host` without its disk each time it is called; blocking (milliseconds), so from a thread."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def __call__(self) -> Host:
        memory = psutil.virtual_memory()
        return Host(
            hostname=plain_line(socket.gethostname()),
            cpu_count=psutil.cpu_count(),
            cpu_percent=self._cpu_percent(),
            memory_total_bytes=memory.total,
            memory_available_bytes=memory.available,
        )

    def _cpu_percent(self) -> float | None:
        """Busy share of all processors since the last reading; None at the first.

        Not `psutil.cpu_percent`: that remembers the last reading by thread, and each of ours comes from a new one.
        """
        times = psutil.cpu_times()
        # Linux counts the time of guests in `user` too.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        busy = total - times.idle - getattr(times, "iowait", 0.0)
        before, self._before = self._before, (busy, total)
        if before is None or total <= before[1]:
            return None
        return min(100.0, max(0.0, 100.0 * (busy - before[0]) / (total - before[1])))


def disk(path: Path) -> Disk | None:
    """The file system of a path, or of its nearest parent that can be seen; None where it does not answer.

    Blocking, for as long as it likes.
    """
    path = path.absolute()
    for place in (path, *path.parents):
        try:
            free, device = psutil.disk_usage(str(place)).free, place.stat().st_dev
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError:  # it is there, and ill: what its parent has free is not its own
            return None
        return Disk(path=plain_line(str(place)), free_bytes=free, device=device)
    return None
