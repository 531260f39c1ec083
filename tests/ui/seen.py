"""What a person sees of the console."""

from __future__ import annotations

from typing import Any

from textual.app import App


def seen(app: App[Any]) -> str:
    """The screen in front, line by line, without the blanks at their ends. Textual has no public way to it."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())
