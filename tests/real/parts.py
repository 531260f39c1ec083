"""Real parts that some tests need: absent they skip here, and fail where CI demands them."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable

import pytest


def _docker_engine() -> bool:
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    with socket.socket(socket.AF_UNIX) as probe:  # docker-py itself leaks a socket when nobody listens
        return probe.connect_ex(host.removeprefix("unix://")) == 0


_PARTS: dict[str, Callable[[], bool]] = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "gcc": lambda: shutil.which("gcc") is not None,
    "docker-registry": lambda: shutil.which("docker-registry") is not None,
    "openssl": lambda: shutil.which("openssl") is not None,
    "sshd": lambda: all(map(shutil.which, ("/usr/sbin/sshd", "ssh", "ssh-keygen"))),
    "tmux": lambda: shutil.which("tmux") is not None,
    "docker engine": _docker_engine,
}


def there(name: str) -> bool:
    """Whether this part is."""
    return _PARTS[name]()


def require(name: str) -> None:
    """Go on only where the part is there. With NEMOTUI_REQUIRE_REAL=1, as in CI, an absent part is a failure."""
    if there(name):
        return
    if os.environ.get("NEMOTUI_REQUIRE_REAL") == "1":
        pytest.fail(f"{name} is required here (NEMOTUI_REQUIRE_REAL=1) and absent", pytrace=False)
    pytest.skip(f"{name} is absent")
