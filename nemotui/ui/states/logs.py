"""The Logs pane's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsState:
    """Logs."""

    def after(self, event: Any) -> LogsState:
        """The state after one event."""
        return self
