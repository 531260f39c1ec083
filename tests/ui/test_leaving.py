"""Quitting asks exactly where something would be lost."""

from __future__ import annotations

from nemotui.catalog import load_catalog
from nemotui.core.bench import BenchSpec
from nemotui.core.conversation import Asked
from nemotui.core.deploy import Created, Pulling
from nemotui.core.failed import Failed
from nemotui.core.lab import LabBegun, LabOver, LabState
from nemotui.core.ports import Container, PullProgress
from nemotui.core.recommend import PlanRequest
from nemotui.core.swap import Swapping
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.chat import ChatState
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.launch import Begun
from nemotui.ui.states.leaving import what_would_be_lost

DEPLOY = DeployState(catalog=load_catalog(), request=PlanRequest())
IDLE, SILENT, UNASKED = BenchState(), ChatState(), LabState()
MEASURING = IDLE.after(BenchSpec(base_url="http://127.0.0.1:8000"))
PULLING = Pulling(progress=PullProgress(current_bytes=1, total_bytes=2, status="Downloading"))


def lost(
    deploy: DeployState = DEPLOY,
    bench: BenchState = IDLE,
    chat: ChatState = SILENT,
    lab: LabState = UNASKED,
    *,
    pretend: bool = False,
    unsent: bool = False,
) -> str:
    return what_would_be_lost(deploy, bench, chat, lab, pretend=pretend, unsent=unsent)


def test_nothing_is_lost_where_nothing_goes_on() -> None:
    assert lost() == ""


def test_a_pull_ends_with_the_console_and_a_container_does_not() -> None:
    begun = DEPLOY.after(Begun())
    assert lost(begun) == "The server is not started yet."
    pulling = begun.after(PULLING)
    assert lost(pulling) == "The image is still being pulled, and the server not started."
    container = Container(id="0a1b", name="nemotui", image="vllm", state="running", labels={})
    assert lost(pulling.after(Created(container=container, command="docker run …"))) == ""
    assert lost(pulling.after(Failed(kind="pull", cause="no such image", remedy="Name another"))) == ""


def test_a_server_that_gives_its_place_to_another_is_not_left_alone() -> None:
    container = Container(id="0a1b", name="nemotui", image="vllm", state="running", labels={})
    swapping = DEPLOY.after(Begun()).after(Swapping(step="nemotui is stopped, up to 30 s"))
    swapping = swapping.after(Created(container=container, command="docker run …"))
    assert "nobody starts the old one again" in lost(swapping)
    assert lost(swapping.after(Failed(kind="x", cause="x", remedy="x"))) == ""


def test_a_benchmark_goes_on_unless_its_server_is_a_pretence() -> None:
    assert lost(bench=MEASURING) == ""
    assert "pretend server" in lost(bench=MEASURING, pretend=True)


def test_an_answer_or_a_question_is_lost() -> None:
    assert lost(chat=ChatState().after(Asked("why?"))) == "An answer is being written."
    assert lost(unsent=True) == "Your question is not sent yet."


def test_a_lab_that_still_asks_is_lost() -> None:
    begun = UNASKED.after(LabBegun(model="m", base_url="http://127.0.0.1:8000", settings=(), prompts=()))
    assert lost(lab=begun) == "The lab still asks; what it has is not kept."
    assert lost(lab=begun.after(LabOver())) == ""
