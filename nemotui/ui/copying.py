"""Copying, over SSH and through tmux: to the terminal's clipboard, and into a file in case it takes nothing."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from textual.driver import Driver
from textual.message_pump import MessagePump

from nemotui.ui.look import look_of

_MOST = 1_000_000  # bytes of an escape sequence that terminals take


def copy(widget: MessagePump, text: str, what: str) -> None:
    """Copy it, and say so; `what` begins a sentence."""
    app = widget.app
    app.copy_to_clipboard(text)
    app.notify(said(what, text, look_of(app).keep(text)))


def to_terminal(driver: Driver, text: str) -> None:
    """By OSC 52. tmux takes it for itself where its `set-clipboard` is on; with `allow-passthrough` it hands it on."""
    encoded = base64.b64encode(text.encode()).decode()
    if len(encoded) > _MOST:
        return
    sequence = f"\x1b]52;c;{encoded}\x07"
    driver.write(sequence)
    if os.environ.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        driver.write(f"\x1bPtmux;{doubled}\x1b\\")


def said(what: str, text: str, kept: Path | None) -> str:
    """What is told about it: no terminal says whether it took what it was sent."""
    short = str(kept).replace(str(Path.home()), "~", 1) if kept else ""
    if len(text) * 4 // 3 > _MOST:
        return f"{what} is too long for a terminal's clipboard" + (f": it is in {short}." if kept else ".")
    return f"{what} sent to your terminal's clipboard" + (f", and kept in {short}." if kept else ".")
