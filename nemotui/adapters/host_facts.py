"""What a preflight wants to know of the host: blocking, milliseconds to a second, so from a thread."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from nemotui.adapters.host import disk
from nemotui.adapters.logout import kills, lingers
from nemotui.adapters.user import user_name
from nemotui.core.plan import Plan
from nemotui.core.surroundings import HostFacts
from nemotui.core.text import plain_line

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_TOKEN_LIMIT = 4096
_PORTS_TRIED = 100


def host_facts(
    plan: Plan | None, data_root: str | None, hf_cache: Path, environ: Mapping[str, str], root: Path = Path("/")
) -> HostFacts:
    """The host as it is now. `root` is where its files are looked for."""
    user = user_name()
    problem = port_problem(plan.bind, plan.port) if plan else None
    return HostFacts(
        user=user,
        model_disk=disk(hf_cache),
        engine_disk=disk(Path(data_root)) if data_root else None,
        memory_available_bytes=psutil.virtual_memory().available,
        shm_free_bytes=_free(root / "dev/shm"),
        port_problem=problem,
        free_port=_free_port(plan.bind, plan.port) if plan and problem else None,
        token=_token_words(hf_cache, environ),
        proxies=tuple(name for name in _PROXIES if environ.get(name)),
        kills_at_logout=kills_at_logout(root, user),
    )


def token(hf_cache: Path, environ: Mapping[str, str]) -> str | None:
    """The Hugging Face token that the container will have: that of the environment, else the cache's own file."""
    if value := environ.get("HF_TOKEN", "").strip():
        return value
    with suppress(OSError, UnicodeDecodeError), (hf_cache / "token").open("rb") as file:
        return file.read(_TOKEN_LIMIT).decode("ascii").strip() or None
    return None


def _token_words(hf_cache: Path, environ: Mapping[str, str]) -> str | None:
    if not token(hf_cache, environ):
        return None
    return "HF_TOKEN is set" if environ.get("HF_TOKEN", "").strip() else "a token file is in the model cache"


def port_problem(bind: str, port: int) -> str | None:
    """Why the engine could not bind there, in words; None where it could."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((bind, port))
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                return f"{_listener(port)} listens on port {port}"
            case errno.EACCES:
                return None  # the engine may take ports that we may not
            case errno.EADDRNOTAVAIL:
                return f"{bind} is no address of this host"
        return f"{bind}:{port} cannot be bound: {error.strerror}"
    return None


def _listener(port: int) -> str:
    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
                return f"{plain_line(psutil.Process(found.pid).name())} (pid {found.pid})"
    return "another program"


def _free_port(bind: str, port: int) -> int | None:
    nearby = range(port + 1, min(port + _PORTS_TRIED, 65_536))
    return next((other for other in nearby if port_problem(bind, other) is None), None)


def kills_at_logout(root: Path, user: str) -> bool | None:
    """Whether logind ends the user's processes with the session and no linger keeps any; None without systemd."""
    if not (root / "run/systemd/system").is_dir():
        return None
    return kills(root, user) and not lingers(root, user)


def _free(path: Path) -> int | None:
    with suppress(OSError):
        return psutil.disk_usage(str(path)).free
    return None
