"""The box around the GPUs: processors, memory, and the disk that the weights will need."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil

from nemotui.core.hardware import Host
from nemotui.core.text import plain_line


class HostProbe:
    """Reads a `Host` each time it is called; blocking (milliseconds), so from a thread.

    `model_cache` need not exist yet: the disk is that of its nearest existing parent.
    """

    def __init__(self, model_cache: Path, *, engine_version: str | None = None) -> None:
        self._model_cache = model_cache
        self._engine_version = engine_version
        self._before: tuple[float, float] | None = None

    def __call__(self) -> Host:
        memory = psutil.virtual_memory()
        disk_path, disk_free_bytes = _disk(self._model_cache)
        return Host(
            hostname=plain_line(socket.gethostname()),
            cpu_count=psutil.cpu_count(),
            cpu_percent=self._cpu_percent(),
            memory_total_bytes=memory.total,
            memory_available_bytes=memory.available,
            disk_path=disk_path,
            disk_free_bytes=disk_free_bytes,
            engine_version=self._engine_version,
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


def _disk(path: Path) -> tuple[str | None, int | None]:
    path = path.absolute()
    for place in (path, *path.parents):
        try:
            return plain_line(str(place)), psutil.disk_usage(str(place)).free
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            break
    return None, None
