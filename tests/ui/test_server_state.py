"""The status line's words follow from the last sample and the deployment's events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nemotui.core.deploy import Created, Creating, LogBatch, Pulling, Starting
from nemotui.core.errors import Problem
from nemotui.core.failed import Failed
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.model_server import ServedModel, ServerMetrics
from nemotui.core.phases import Phase
from nemotui.core.ports import Container, ContainerState, PullProgress
from nemotui.core.startup import StartupTracker
from nemotui.core.vitals import Vitals
from nemotui.core.watch import ServerSample
from nemotui.ui.states.launch import BrokenOff
from nemotui.ui.states.server import Measuring, ServerState

LONG = "an-organisation/a-model-whose-name-is-longer-than-any-status-line-has-room-for"
URL = "http://127.0.0.1:8000"


def container(state: ContainerState = "running", exit_code: int | None = None) -> Container:
    return Container(id="1", name="nemotui", image="i", state=state, exit_code=exit_code, labels={})


def serving(at: float, tokens: float | None = None, running: float | None = None, **how: Any) -> ServerSample:
    metrics = ServerMetrics(generation_tokens=tokens, running=running, kv_cache_usage=0.125, **how)
    models = (ServedModel(id="nemotron-super"),)
    vitals = Vitals().after(at - 2, replace(metrics, generation_tokens=1000.0)).after(at, metrics)
    return ServerSample(at=at, base_url=URL, serving=True, models=models, metrics=metrics, vitals=vitals)


def starting(phase: Phase, fraction: float, eta_s: float | None) -> Starting:
    return Starting(
        phase=phase, fraction=fraction, eta_s=eta_s, elapsed_s=10, detail="", tracker=StartupTracker(phase=phase)
    )


def words(state: ServerState) -> str:
    return f"{state.sign} {state.headline}{state.details}"


def test_before_the_first_sample() -> None:
    assert words(ServerState()) == "○ looking for a server"


def test_nothing_is_served() -> None:
    state = ServerState().after(ServerSample(at=1, base_url=URL))
    assert words(state) == "○ nothing is served · press 2 to deploy"


def test_nothing_is_served_and_the_engine_does_not_let_us_look() -> None:
    problem = Problem("no_permission", "You may not use Docker's socket /run/docker.sock", "Run `sudo usermod …`.")
    state = ServerState().after(ServerSample(at=1, base_url=URL, engine_problem=problem))
    assert words(state) == "○ nothing is served · You may not use Docker's socket /run/docker.sock"


def test_of_a_long_socket_path_the_end_stays() -> None:
    path = "/home/somebody/with/a/long/name/.local/run/user/1000/docker-desktop/docker.sock"
    problem = Problem("no_engine", f"No Docker engine answers on {path}", "Start it.")
    state = ServerState().after(ServerSample(at=1, base_url=URL, engine_problem=problem))
    assert "".join(state.line(200)) == f"nothing is served · No Docker engine answers on {path}"
    cut = "".join(state.line(76))
    assert (len(cut), cut) == (76, "nothing is served · No Docker engine answers on …/docker-desktop/docker.sock")
    for width in range(len("nothing is served") + 1, 200):
        assert len("".join(state.line(width))) <= width


def test_a_server_and_its_load() -> None:
    state = ServerState().after(serving(12, tokens=3500, running=3))
    assert words(state) == f"● nemotron-super at {URL} · 3 running · out 1,250 tok/s · KV cache 12 %"


def test_what_matters_least_is_dropped_where_there_is_no_room() -> None:
    sample = serving(12, tokens=3500, running=3, waiting=2, prompt_tokens=9, preemptions=4, draft_tokens=0)
    sample = replace(sample, at=3600.0, container=replace(container(), started_at=0.0))
    state = ServerState(price_per_hour=6.5).after(sample)
    assert state.line(200)[1].endswith("in 0 tok/s · out 1,250 tok/s · KV cache 12 % · 4 preempted · $6.50")
    assert "".join(state.line(76)) == ":8000 · 3 run 2 wait · in 0 out 1,250 tok/s · KV 12% · 4 preempted · $6.50"
    assert "".join(state.line(70)) == "nemotron-super :8000 · 3 run 2 wait · in 0 out 1,250 tok/s · KV 12%"
    assert "".join(state.line(62)) == "nemotron-super :8000 · 3 run 2 wait · in 0 out 1,250 tok/s"
    for width in range(200):
        assert len("".join(state.line(width))) <= max(width, len("nemotron-super :8000"))


def test_a_hung_server_is_told_by_sign_and_word() -> None:
    state = ServerState().after(replace(serving(12, tokens=1000, running=3), hung=True))
    assert state.tone == "error"
    assert state.advice[0].kind == "hung"


def test_slow_gpus_and_a_long_idleness_have_their_word() -> None:
    slow = Machine(gpus=(Gpu(index=3, uuid="GPU-a", name="H100", throttle_reasons=("hardware slowdown",)),))
    sample = replace(serving(9), vitals=Vitals(idle_s=1900.0))
    state = ServerState(idle_after_s=1800.0).after(sample).after(slow)
    assert [advice.kind for advice in state.advice] == ["gpu_throttled", "idle"]
    assert state.after(slow) is state


def test_what_the_server_does_not_say_is_not_shown() -> None:
    state = ServerState().after(ServerSample(at=1, base_url=URL, serving=True, models=(ServedModel(id="m"),)))
    assert words(state) == f"● m at {URL}"


def test_a_start_with_and_without_an_estimate() -> None:
    state = ServerState().after(Created(container=container(), command="docker run"))
    assert words(state) == "◐ starting · 2 shows how far it is"
    state = state.after(starting("compile", 0.46, 80)).after(LogBatch(lines=()))
    assert words(state) == "◐ starting: compile 46 % · ready in about 1:20"
    assert words(state.after(starting("download", 0.2, None))) == "◐ starting: download 20 % · no estimate"


def test_a_start_that_was_broken_off_leaves_no_word() -> None:
    pulling = Pulling(progress=PullProgress(current_bytes=5, total_bytes=10, status="Downloading"))
    state = ServerState().after(ServerSample(at=1, base_url=URL))
    assert words(state.after(pulling)) == "◐ pulling the image: 50 % · 2 shows how far it is"
    assert words(state.after(pulling).after(Creating(image="i"))) == "◐ starting · 2 shows how far it is"
    assert state.after(pulling).after(BrokenOff()) == state


def test_a_start_that_serves_is_over() -> None:
    state = ServerState().after(starting("serve", 0.99, 2)).after(serving(5))
    assert state.starting is None
    assert state.tone == "success"


def test_a_failed_start_says_why() -> None:
    failed = Failed(kind="oom", cause="CUDA out of memory", remedy="Use two GPUs.")
    state = ServerState().after(starting("weights", 0.5, 9)).after(failed)
    assert words(state) == "✖ the start failed · CUDA out of memory"


def test_a_container_that_has_died() -> None:
    state = ServerState().after(ServerSample(at=1, base_url=URL, container=container("exited", 137)))
    assert words(state) == "✖ nemotui exited with code 137 · nemotui has ended, 3 shows its log · 2 to deploy"
    ended = ServerState().after(ServerSample(at=1, base_url=URL, container=container("exited", 0)))
    assert words(ended) == "○ nothing is served · nemotui has ended, 3 shows its log · 2 to deploy"


def test_a_container_that_does_not_answer() -> None:
    problem = Problem("no_server", "no server answers", "")
    state = ServerState().after(ServerSample(at=1, base_url=URL, container=container(), problem=problem))
    assert words(state).endswith("nemotui runs and does not answer yet · 3 shows its log")


def test_of_a_long_name_stands_what_there_is_room_for() -> None:
    sample = replace(serving(10.0, 2000.0, 3.0), models=(ServedModel(id=LONG),))
    headline, details = ServerState(sample=sample).line(60)
    assert headline.startswith("an-organisation/")
    assert headline.endswith("… :8000")
    assert len(headline + details) <= 60
    assert "3 run" in details


def test_that_prompts_of_our_benchmark_share_nothing_is_no_advice() -> None:
    vitals = Vitals()
    for at, asked in ((0.0, 0.0), (30.0, 90_000.0)):
        vitals = vitals.after(at, ServerMetrics(prefix_cache_queries=asked, prefix_cache_hits=0.0, running=1))
    sample = replace(serving(30.0), vitals=vitals)
    kinds = [advice.kind for advice in ServerState().after(sample).advice]
    assert kinds == ["prefix_caching_idle"]
    measured = ServerState().after(Measuring(20.0)).after(sample)
    assert measured.advice == ()
    later = replace(sample, at=90.0)  # what it asked is no longer in the last minute
    assert [advice.kind for advice in measured.after(later).advice] == ["prefix_caching_idle"]
