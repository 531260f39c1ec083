"""What would be lost if the console ended now."""

from __future__ import annotations

from nemotui.core.lab import LabState
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.chat import ChatState
from nemotui.ui.states.deploy import DeployState


def what_would_be_lost(
    deploy: DeployState,
    bench: BenchState,
    chat: ChatState,
    lab: LabState,
    *,
    pretend: bool,
    unsent: bool,
    client: str = "",
) -> str:
    """In a sentence; empty where everything goes on without the console.

    `pretend`: the server ends with the console. `unsent`: something stands in the chat's field. `client`: one whose
    benchmark runs.
    """
    launch = deploy.launch
    if deploy.pulling:
        return "The image is still being pulled, and the server not started."
    if launch is not None and deploy.starting and launch.container is None and launch.starting is None:
        return "The server is not started yet."
    if launch is not None and deploy.starting and launch.step:
        return "A server gives its place to another: if that one fails, nobody starts the old one again."
    if pretend and bench.measuring:
        return "The benchmark runs against the pretend server, which ends with the console."
    if client:
        return f"{client} runs, and ends with the console."
    if chat.answering:
        return "An answer is being written."
    if lab.going:
        return "The lab still asks; what it has is not kept."
    return "Your question is not sent yet." if unsent else ""
