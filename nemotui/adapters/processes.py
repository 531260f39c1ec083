"""Who a process is: its name, its user, and the container that it runs in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import psutil

from nemotui.core.hardware import GpuProcess
from nemotui.core.text import plain_line

# PROC_PID_INIT_INO of the kernel: the PID namespace that the driver counts in.
_FIRST_NAMESPACE = "pid:[4026531836]"
# docker-<id>.scope with systemd, /docker/<id> without; Podman, containerd and Kubernetes write the same 64 digits.
_CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Processes:
    """Looks processes up. `container_name` may ask an engine, so it is asked once for each container.

    In a PID namespace of our own the driver's PIDs mean other processes, or none (nvidia-docker#1483): then nobody is
    named.
    """

    def __init__(self, container_name: Callable[[str], str | None], proc: Path = Path("/proc")) -> None:
        self._container_name = container_name
        self._containers: dict[str, str] = {}
        self._proc = proc

    def __call__(self, pid: int, memory_bytes: int | None) -> GpuProcess:
        """The process with what can be known of it. Blocking; raises nothing."""
        name = user = container = None
        with contextlib.suppress(psutil.Error, OSError):
            if str((self._proc / "self/ns/pid").readlink()) == _FIRST_NAMESPACE:
                process = psutil.Process(pid)
                name = plain_line(process.name())
                container = self._container(pid)
                user = plain_line(process.username())
        return GpuProcess(pid=pid, name=name, user=user, container=container, memory_bytes=memory_bytes)

    def _container(self, pid: int) -> str | None:
        try:
            found = _CONTAINER.search((self._proc / str(pid) / "cgroup").read_text(errors="replace"))
        except OSError:
            return None
        if found is None:
            return None
        identity = found[0]
        if identity not in self._containers:
            self._containers[identity] = plain_line(self._container_name(identity) or identity[:12])
        return self._containers[identity]
