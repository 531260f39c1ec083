"""What the console remembers of its user: the theme, that the tour was shown; and what was copied last."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from nemotui.adapters.state_file import keep_state, read_state
from nemotui.core.errors import FailedError
from nemotui.core.terminal import THEMES
from nemotui.whole_file import whole_file


class ConsoleMemory:
    """Two small files in the state directory, for their owner alone. What cannot be read or written is lost."""

    def __init__(self, folder: Path) -> None:
        self._file, self._copied = folder / "console.json", folder / "copied.txt"
        self._known = read_state(self._file, dict[str, Any]) or {}

    @property
    def theme(self) -> str | None:
        """The theme that was chosen last."""
        theme = self._known.get("theme")
        return theme if theme in THEMES else None

    def remember_theme(self, theme: str) -> None:
        """For the next time."""
        self._write(theme=theme)

    def tour(self) -> bool:
        """Whether the tour is to be shown: once."""
        if self._known.get("toured"):
            return False
        self._write(toured=True)
        return True

    def keep_copied(self, text: str) -> Path | None:
        """Keep what was copied where the terminal may not have taken it; where that is."""
        try:
            with whole_file(self._copied, private=True) as file:
                file.write(text.encode())
        except OSError:
            return None
        return self._copied

    def _write(self, **news: object) -> None:
        self._known |= news
        with suppress(FailedError):
            keep_state(self._file, self._known)
