"""The Deploy pane's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nemotui.core.models import Catalog
from nemotui.core.plan import ContainerSpec
from nemotui.core.recommend import PlanRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployState:
    """Deploy."""

    catalog: Catalog
    request: PlanRequest
    cpu: ContainerSpec | None = None

    def after(self, event: Any) -> DeployState:
        """The state after one event."""
        return self
