"""An error that nobody foresaw: said in one line; its traceback goes to the log file, on request only."""

from __future__ import annotations

import os
import time
import traceback

from nemotui.core.errors import NemotuiError, Problem
from nemotui.core.text import plain_line
from nemotui.settings import Settings, load_settings


def defect(error: Exception) -> Problem:
    """The line; with NEMOTUI_DEBUG=1 the traceback is appended to the log file under the state directory."""
    said = f"this is a defect of nemotui: {type(error).__name__}: {plain_line(str(error), limit=300)}"
    if os.environ.get("NEMOTUI_DEBUG") != "1":
        return Problem("defect", said, "Run it again with NEMOTUI_DEBUG=1 to write the details to a log file.")
    try:
        log = load_settings({}, os.environ).log_file
    except NemotuiError:
        log = Settings().log_file
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            file.write(f"{stamp}\n{''.join(traceback.format_exception(error))}\n")
    except OSError as failure:
        return Problem("defect", said, f"The log file could not be written: {failure.strerror}.")
    return Problem("defect", said, f"The details are in {log}.")
