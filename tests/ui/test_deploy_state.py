"""The Deploy pane's state: plans that hold still, and a start from its order to its end."""

from __future__ import annotations

from dataclasses import replace

from nemotui.core.chat import Reply
from nemotui.core.deploy import Created, Creating, LogBatch, Pulling, Ready, Starting
from nemotui.core.errors import Problem
from nemotui.core.failed import Failed
from nemotui.core.hardware import Machine
from nemotui.core.logs import LogLine
from nemotui.core.measured import MeasuredStart, Setup
from nemotui.core.memory import GIB
from nemotui.core.plan import Plan, container_spec
from nemotui.core.ports import Container, PullProgress
from nemotui.core.recommend import PlanRequest
from nemotui.core.startup import StartupTracker
from nemotui.core.swap import Swapping
from nemotui.core.watch import ServerSample
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.launch import Begun, BrokenOff, Launch, PhaseLine
from nemotui.ui.states.plan_form import Asked
from tests.core.machines import CATALOG, machine

H100 = "H100 80GB SXM"
NEW = DeployState(catalog=CATALOG, request=PlanRequest())
CONTAINER = Container(id="0a1b", name="nemotui", image="vllm", state="running", started_at=1000.0, labels={})
TRACKER = StartupTracker(started_at=1000.0).after(LogLine("hello", 1001.0))
READY = Ready(
    container=CONTAINER,
    base_url="http://127.0.0.1:8000",
    elapsed_s=42.0,
    request={},
    reply=Reply(mode="off", sent_at=0.0),
    curl="curl",
    tracker=TRACKER,
)
FAILED = Failed(kind="port_taken", cause="The port is taken", remedy="Choose another with --port.")


def held(of: Machine, byte_count: int) -> Machine:
    """The same machine, with so many bytes more in use on its first GPU."""
    first = of.gpus[0]
    assert first.memory_free_bytes is not None
    return replace(of, gpus=(replace(first, memory_free_bytes=first.memory_free_bytes - byte_count), *of.gpus[1:]))


def starting(tracker: StartupTracker, elapsed_s: float) -> Starting:
    return Starting(
        phase=tracker.phase, fraction=0.5, eta_s=None, elapsed_s=elapsed_s, detail=tracker.detail, tracker=tracker
    )


def sample(container: Container | None) -> ServerSample:
    return ServerSample(at=0.0, base_url="http://127.0.0.1:8000", container=container)


def test_nothing_is_planned_before_anything_is_known() -> None:
    assert NEW.choices == ()
    assert NEW.problem is None


def test_the_choices_are_the_recommendations_best_first_with_gpus_by_index() -> None:
    state = NEW.after(machine(H100, H100))
    assert [choice.key for choice in state.choices][:2] == ["FP8-tp2", "NVFP4-tp2"]
    assert state.choices[0].gpus == (0, 1)
    assert state.choices[0].refusal == ""
    assert state.choices[0].spec is not None
    assert state.choices[0].spec.gpus == ("GPU-0000", "GPU-1000")


def test_a_refused_plan_says_why_and_what_would_help() -> None:
    refused = next(choice for choice in NEW.after(machine(H100, H100)).choices if choice.key == "FP8-tp1")
    assert refused.spec is None
    assert "Weights take 114.0 GiB" in refused.refusal
    assert refused.refusal.endswith("Fits with --tp 2")


def test_plans_hold_still_until_what_they_depend_on_changes() -> None:
    now = machine(H100, H100)
    state = NEW.after(now)
    assert state.after(held(now, GIB // 100)) is state
    warmer = replace(now, gpus=tuple(replace(gpu, temperature_c=80, utilization_percent=99) for gpu in now.gpus))
    assert state.after(warmer) is state
    assert state.after(held(now, 40 * GIB)).choices[0].refusal != ""


def test_a_start_that_fills_the_gpus_leaves_the_plans_as_they_were() -> None:
    now = machine(H100, H100)
    state = NEW.after(now).after(Begun())
    assert state.after(held(now, 40 * GIB)) is state
    assert state.after(FAILED).after(held(now, 40 * GIB)).choices[0].refusal != ""


def test_a_server_of_ours_that_runs_leaves_the_plans_as_they_were() -> None:
    now = machine(H100, H100)
    state = NEW.after(now).after(READY).after(sample(CONTAINER))
    assert state.after(held(now, 40 * GIB)) is state
    stopped = state.after(sample(replace(CONTAINER, state="exited")))
    assert stopped.after(held(now, 40 * GIB)).choices[0].refusal != ""


def test_what_a_start_taught_is_planned_with_at_once() -> None:
    state = NEW.after(machine(H100, H100)).after(READY).after(sample(CONTAINER))
    plan = state.choices[0].plan
    assert plan is not None
    setup = Setup(
        machine=plan.gpus,
        gpu="NVIDIA H100 80GB HBM3",
        image="vllm/vllm-openai:latest",
        variant="FP8",
        tensor_parallel_size=2,
    )
    start = MeasuredStart(setup=setup, at=1.0, gpu_memory_utilization=0.92, kv_cache_bytes=10 * GIB)
    taught = state.after(start).choices[0].plan
    assert taught is not None
    assert taught.measured is start


def test_without_a_driver_there_is_a_problem_and_no_plan_and_both_pass() -> None:
    problem = Problem("no_driver", "there is no NVIDIA driver", "Install it.")
    state = NEW.after(machine(H100, H100)).after(Machine(error=problem))
    assert (state.choices, state.problem) == ((), problem)
    imagined = state.after(Asked(NEW.request, machine(H100), "1×H100"))
    assert (len(imagined.choices) > 0, imagined.problem) == (True, None)
    assert imagined.after(Asked(NEW.request)).problem == problem  # the driver is asked seldom: it is known why already
    again = state.after(machine(H100, H100))
    assert again.problem is None
    assert again.choices


def test_flags_that_cannot_be_meant_are_a_problem_not_an_exception() -> None:
    state = DeployState(catalog=CATALOG, request=PlanRequest(tensor_parallel_size=4)).after(machine(H100, H100))
    assert state.choices == ()
    assert state.problem is not None
    assert state.problem.message == "--tp 4 needs 4 GPUs, and there are 2"


def test_for_a_cpu_image_there_is_one_choice_whatever_the_machine_says() -> None:
    plan = Plan(
        name="nemotui", image="vllm-cpu", model="tiny", served_model_name="tiny", max_model_len=64, max_num_seqs=1
    )
    spec = container_spec(plan)
    state = replace(NEW, cpu=plan).after(Machine(error=Problem("no_driver", "none", ""))).after(machine(H100))
    assert [(choice.key, choice.spec, choice.refusal) for choice in state.choices] == [("cpu", spec, "")]
    assert state.problem is None


def test_a_start_goes_on_from_its_order_to_its_end() -> None:
    pull = Pulling(progress=PullProgress(current_bytes=5, total_bytes=10, status="Downloading"), elapsed_s=12.0)
    state = NEW
    for event in (
        Begun(),
        pull,
        Creating(image="vllm"),
        Created(container=CONTAINER, command="docker run"),
        starting(TRACKER, 3.0),
        LogBatch(lines=(LogLine("hello"),)),
    ):
        state = state.after(event)
        assert state.starting
    assert state.launch == Launch(pull=pull, creating=True, container=CONTAINER, starting=starting(TRACKER, 3.0))
    state = state.after(READY)
    assert not state.starting
    assert state.launch is not None
    assert state.launch.elapsed_s == 42.0


def test_a_start_can_be_broken_off_while_its_image_is_fetched_and_no_longer() -> None:
    pull = Pulling(progress=PullProgress(current_bytes=5, total_bytes=10, status="Downloading"))
    ordered = NEW.after(Begun())
    assert not ordered.pulling
    pulling = ordered.after(pull)
    assert pulling.pulling
    assert pulling.after(BrokenOff()) == NEW
    assert not pulling.after(Creating(image="vllm")).pulling
    assert not pulling.after(Swapping(step="nemotui is stopped, up to 30 s")).pulling
    assert not pulling.after(FAILED).pulling


def test_a_new_order_forgets_the_failure_before_it() -> None:
    state = NEW.after(Begun()).after(FAILED)
    assert state.launch == Launch(ended=FAILED)
    assert state.after(Begun()).launch == Launch()
    assert state.after(starting(TRACKER, 1.0)).launch == Launch(starting=starting(TRACKER, 1.0))


def test_a_server_that_has_ended_is_no_longer_shown_as_ready_and_a_failure_stays() -> None:
    exited = replace(CONTAINER, state="exited", exit_code=0)
    ready = NEW.after(READY).after(sample(CONTAINER))
    assert ready.running == CONTAINER
    assert ready.launch is not None
    assert ready.after(sample(CONTAINER)) is ready
    ended = ready.after(sample(exited))
    assert (ended.running, ended.launch) == (None, None)
    assert NEW.after(FAILED).after(sample(exited)).launch == Launch(ended=FAILED)


def test_a_stopped_container_of_old_does_not_hide_a_server_that_is_ready() -> None:
    other = replace(CONTAINER, id="ffff", state="exited")
    assert NEW.after(READY).after(sample(other)).launch is not None


def test_each_phase_has_its_time_and_those_to_come_are_listed() -> None:
    tracker = TRACKER.after(LogLine("Resolved architecture: NemotronHForCausalLM", 1010.0))
    tracker = tracker.after(LogLine("Initializing a V1 LLM engine (v0.33.0)", 1025.0))
    phases = Launch(starting=starting(tracker, 30.0)).phases
    assert phases[:3] == (
        PhaseLine("boot", "past", 10.0),
        PhaseLine("config", "past", 15.0),
        PhaseLine("engine", "now", 5.0),
    )
    assert [line.phase for line in phases[3:]] == [
        *("download", "weights", "compile", "kernels", "kv_cache", "graphs", "serve"),
    ]
    assert {line.when for line in phases[3:]} == {"next"}


def test_an_eager_start_has_no_compilation_ahead_of_it() -> None:
    tracker = TRACKER.after(LogLine("Enforce eager set, disabling torch.compile", 1002.0))
    ahead = {line.phase for line in Launch(starting=starting(tracker, 3.0)).phases if line.when == "next"}
    assert ahead.isdisjoint({"compile", "graphs"})
    assert "kernels" in ahead


def test_after_an_end_only_what_was_gone_through_is_listed() -> None:
    assert Launch(starting=starting(TRACKER, 3.0), ended=FAILED).phases == (PhaseLine("boot", "failed", 3.0),)
    assert Launch(ended=READY).phases == (PhaseLine("boot", "past", 42.0),)
    assert Launch(ended=FAILED).phases == ()
