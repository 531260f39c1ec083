"""Who can reach the server: this machine alone, or the network; and how a laptop does through SSH."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

_SSH_PORT = "22"


def is_open(bind: str) -> bool:
    """Others than this machine can reach what is bound to this address."""
    try:
        return not ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind != "localhost"


def local_host(bind: str | None) -> str:
    """The host by which this machine itself reaches what is bound to this address, as it stands in a URL."""
    host = "127.0.0.1" if bind is None or bind in ("", "0.0.0.0", "::") else bind
    return f"[{host}]" if ":" in host else host


FIREWALL = (
    "Docker publishes ports past ufw and firewalld: the network reaches this one whatever they say, and the key guards"
    " only /v1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How this machine is reached by SSH, as far as it can be told from inside; a guess where nobody came by SSH."""

    user: str
    host: str
    ssh_port: str = _SSH_PORT

    def tunnel(self, port: int, bind: str | None = None) -> str:
        """The line that, typed on a laptop, brings the server's port there."""
        words = ["ssh", "-N", *(("-p", self.ssh_port) if self.ssh_port != _SSH_PORT else ())]
        return shlex.join([*words, "-L", f"{port}:{local_host(bind)}:{port}", f"{self.user}@{self.host}"])


def login(environ: Mapping[str, str], *, user: str, hostname: str) -> Login:
    """From SSH_CONNECTION (client, its port, our address, our port), else by the machine's name."""
    match environ.get("SSH_CONNECTION", "").split():
        case [_, _, address, port] if port.isdecimal() and _is_address(address):
            return Login(user=user, host=address, ssh_port=port)
    return Login(user=user, host=hostname)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
