"""The Bench pane's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchState:
    """Bench."""

    running: bool = False

    def after(self, event: Any) -> BenchState:
        """The state after one event."""
        return self
