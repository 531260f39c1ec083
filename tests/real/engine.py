"""Docker engines of our own: engine.sh as root, beside whatever engine is there."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_SCRIPT = Path(__file__).with_name("engine.sh")


@contextlib.contextmanager
def own_engine() -> Iterator[Callable[..., str]]:
    """What runs the script on a folder that is gone afterwards: `run("start", *flags)` returns the DOCKER_HOST."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    root = Path(tempfile.mkdtemp(prefix="engine"))  # a test's own folder is too deep for the sockets in it

    def run(verb: str, *flags: str) -> str:
        command = [*as_root, "env", f"PATH={os.environ['PATH']}:/usr/sbin:/sbin", "bash", str(_SCRIPT), verb, str(root)]
        flags = (*flags, "--group", str(os.getgid())) if verb != "stop" else ()
        with tempfile.TemporaryFile() as said:  # a pipe would be held open by the daemon
            subprocess.run([*command, *flags], stdout=said, check=True)
            said.seek(0)
            return (said.read().decode().splitlines() or [""])[-1]

    try:
        yield run
    finally:
        run("stop")
        subprocess.run([*as_root, "umount", root / "data"], check=False, stderr=subprocess.DEVNULL)
        subprocess.run([*as_root, "rm", "-rf", root], check=False)
