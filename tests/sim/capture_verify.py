"""`python -m tests.sim.capture_verify` writes docs/captures/verify: the trust checks of a sound pretend server, and of
one with each fault, as `nemotui verify` prints them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from nemotui.sim.faults import FAULTS

FOLDER = Path(__file__).parent.parent.parent / "docs" / "captures" / "verify"
COMMAND = ("verify", "--demo", "--speed", "100")


def captured(fault: str) -> str:
    """What is printed, standard error last, and the exit code; the port is another each time."""
    environ = {**os.environ, "NEMOTUI_SIM_FAULT": fault, "COLUMNS": "80"}
    ran = subprocess.run(
        [sys.executable, "-m", "nemotui", *COMMAND], env=environ, capture_output=True, text=True, check=False
    )
    said = re.sub(r"(127\.0\.0\.1:)\d+", r"\g<1>8000", ran.stdout + ran.stderr)
    given = f"NEMOTUI_SIM_FAULT={fault} " if fault else ""
    return f"$ {given}nemotui {' '.join(COMMAND)}\n{said}$ echo $?\n{ran.returncode}\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("", *FAULTS):
        (FOLDER / f"{name or 'sound'}.txt").write_text(captured(name))
        print(name or "sound")
