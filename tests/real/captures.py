"""`python -m tests.real.captures [MACHINE …]` writes docs/captures/gpus and docs/captures/deploy.

Both panes on each pretend machine, in a real terminal (tmux) of three sizes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from nemotui.sim.machines import PROFILES
from tests.ports import free_port
from tests.real.terminal import Terminal, console

FOLDER = Path(__file__).parent.parent.parent / "docs" / "captures"
SIZES = ((80, 24), (120, 40), (200, 50))
SHOWS = {  # what is worth waiting for; a driver that hangs is asked again for ten seconds before it is said
    "lost": "lost",
    "none": "no NVIDIA driver",
    "2xh100-loses-one": "lost",
    "2xh100-hangs": "does not answer",
}
_SETTLED_S = 1.5  # what the new size moves is drawn


def take(t: Terminal, pane: str, machine: str) -> None:
    """The pane that is in front, at each size."""
    for width, height in SIZES:
        t.resize(width, height)
        time.sleep(_SETTLED_S)
        (FOLDER / pane / f"{machine}-{width}x{height}.txt").write_text(t.screen().rstrip("\n") + "\n")


def main() -> None:
    for machine in sys.argv[1:] or PROFILES:
        with tempfile.TemporaryDirectory() as state:
            home = {"HOME": "/home/you", "XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state}
            with console(["--demo", machine, "--port", str(free_port())], home, SIZES[0]) as t:
                t.wait_for("The first time")
                t.keys("Escape")
                t.wait_until_gone("The first time")
                t.wait_for(SHOWS.get(machine, r"USED/TOTAL|memory +\d"))
                take(t, "gpus", machine)
                t.keys("2")
                t.wait_for("Plans for these GPUs")
                take(t, "deploy", machine)
                t.keys("q")
                t.wait_for("exit code 0")
        print(machine)


if __name__ == "__main__":
    main()
