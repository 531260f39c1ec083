"""What becomes of our processes when their user logs out: logind ends them on hosts that are set up so."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

_CONFIGURATION = ("usr/lib/systemd/logind.conf.d", "run/systemd/logind.conf.d", "etc/systemd/logind.conf.d")
# The session's scope is what logind ends; processes of the user's own manager are not in it.
_SESSION = re.compile(r"/session-[^/]+\.scope(/|$)", re.MULTILINE)


def ends_at_logout(root: Path = Path("/"), user: str | None = None) -> bool:
    """Whether logind will end the processes of this session when it ends (KillUserProcesses, logind.conf(5))."""
    user = user or _user()
    try:
        in_session = _SESSION.search((root / "proc/self/cgroup").read_text()) is not None
    except OSError:
        return False
    settings = _settings(root)
    if not in_session or settings.get("KillUserProcesses", "no").lower() not in ("yes", "true", "on", "1"):
        return False
    only = settings.get("KillOnlyUsers", "").split()
    spared = settings.get("KillExcludeUsers", "root").split()
    return user not in spared and (not only or user in only)


def lingers(root: Path = Path("/"), user: str | None = None) -> bool:
    """Whether the user's own service manager goes on after the logout (`loginctl enable-linger`)."""
    return (root / "var/lib/systemd/linger" / (user or _user())).exists()


def _settings(root: Path) -> dict[str, str]:
    """The [Login] section as logind reads it: the main file, then the drop-ins by name, later ones win."""
    drop_ins: dict[str, Path] = {}
    for folder in _CONFIGURATION:
        try:
            drop_ins |= {path.name: path for path in (root / folder).glob("*.conf")}
        except OSError:
            continue
    settings: dict[str, str] = {}
    for path in (root / "etc/systemd/logind.conf", *(drop_ins[name] for name in sorted(drop_ins))):
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, equals, value = line.partition("=")
            if equals and not name.lstrip().startswith(("#", ";")):
                settings[name.strip()] = value.strip()
    return settings


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return ""
