"""Deploy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from nemotui.core.plan import ContainerSpec
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.deploy import DeployState


class DeployPane(Pane[DeployState]):
    """Deploy."""

    LABEL: ClassVar[str] = "Deploy"

    @dataclass
    class Start(Message):
        """Start this container."""

        spec: ContainerSpec

    class Stop(Message):
        """Stop the running server."""

    def compose(self) -> ComposeResult:
        yield Static("Deploy")

    def draw(self) -> None:
        pass
