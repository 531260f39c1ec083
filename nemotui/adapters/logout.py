"""What becomes of our processes when their user logs out: logind ends them on hosts that are set up so."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from nemotui.adapters.user import user_name

_FOLDERS = ("usr/lib/systemd", "run/systemd", "etc/systemd")  # the later the stronger
# The session's scope is what logind ends; processes of the user's own manager are not in it.
_SESSION = re.compile(r"/session-[^/]+\.scope(/|$)", re.MULTILINE)


def ends_at_logout(root: Path = Path("/"), user: str | None = None) -> bool:
    """Whether logind will end this process, and what it starts, with its session."""
    try:
        in_session = _SESSION.search((root / "proc/self/cgroup").read_text()) is not None
    except OSError:
        return False
    return in_session and kills(root, user or user_name())


def kills(root: Path, user: str) -> bool:
    """Whether logind ends what a user's session has left (KillUserProcesses and its lists, logind.conf(5))."""
    settings = _settings(root)
    only, spared = settings.get("KillOnlyUsers", "").split(), settings.get("KillExcludeUsers", "root").split()
    on = settings.get("KillUserProcesses", "no").lower() in ("yes", "true", "on", "1")
    return on and user not in spared and (not only or user in only)


def lingers(root: Path = Path("/"), user: str | None = None) -> bool:
    """Whether the user's own service manager goes on after the logout (`loginctl enable-linger`)."""
    return (root / "var/lib/systemd/linger" / (user or user_name())).exists()


def _settings(root: Path) -> dict[str, str]:
    """The [Login] section: the strongest main file, then the drop-ins by name; of one name the strongest."""
    mains = [root / folder / "logind.conf" for folder in _FOLDERS]
    drop_ins: dict[str, Path] = {}
    for folder in _FOLDERS:
        with suppress(OSError):
            drop_ins |= {path.name: path for path in (root / folder / "logind.conf.d").glob("*.conf")}
    settings: dict[str, str] = {}
    for path in (*[main for main in mains if main.exists()][-1:], *(drop_ins[name] for name in sorted(drop_ins))):
        with suppress(OSError):
            for line in path.read_text("utf-8", "replace").splitlines():
                name, equals, value = line.partition("=")
                if equals and not name.lstrip().startswith(("#", ";")):
                    settings[name.strip()] = value.strip()
    return settings
