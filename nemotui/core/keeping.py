"""What the engine does with a container of ours by itself: whether it starts it again, and how much log it keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nemotui.core.errors import UsageError
from nemotui.core.flags import Flag

_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::[1-9]\d{0,3})?")
_SIZE = re.compile(r"[1-9]\d{0,5}[kmg]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """`restart` is a restart policy of Docker's; `log_max_size` such as "50m", for each of `log_max_files` files.

    No restart by default: a start that fails takes minutes of the GPUs, and fails the same way again. The engine's own
    default keeps a log without end. Raises `UsageError` for what the engine would not take.
    """

    restart: str = "no"
    log_max_size: str = "50m"
    log_max_files: int = 3

    def __post_init__(self) -> None:
        if not _RESTART.fullmatch(self.restart):
            fix = "Use no, always, unless-stopped, on-failure or on-failure:N."
            raise UsageError("config", f"restart_policy {self.restart!r} is none of Docker's", fix)
        if not _SIZE.fullmatch(self.log_max_size):
            raise UsageError("config", f"log_max_size {self.log_max_size!r} is no size", "Use one such as 50m or 1g.")
        if not 1 <= self.log_max_files <= 1000:
            raise UsageError("config", f"log_max_files {self.log_max_files} is not 1 to 1000", "Mend log_max_files.")

    @property
    def log_options(self) -> dict[str, str]:
        """As the engine takes them."""
        return {"max-size": self.log_max_size, "max-file": str(self.log_max_files)}

    @property
    def flags(self) -> tuple[Flag, ...]:
        """As options of `docker run`."""
        restart = Flag(words=("--restart", self.restart), why="as restart_policy says", source="your settings")
        options = [word for name, value in self.log_options.items() for word in ("--log-opt", f"{name}={value}")]
        why = "a log that ends: the engine's own default grows until the disk is full"
        log = Flag(words=("--log-driver", "json-file", *options), why=why, source="log_max_size, log_max_files")
        return (log,) if self.restart == "no" else (restart, log)


AS_WE_DO = Keeping()
