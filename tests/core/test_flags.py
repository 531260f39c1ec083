"""Every word of a command has a reason, and what the published guide does otherwise is listed whole."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from nemotui.core.flags import vllm_flags
from nemotui.core.guide import as_published, differences
from nemotui.core.plan import Plan, container_spec, docker_run, plan_flags
from nemotui.core.plan_json import reasons_json
from nemotui.core.recommend import PlanRequest, recommend
from tests.core.machines import CATALOG, machine

ANYTHING = PlanRequest()


def plan(request: PlanRequest = ANYTHING) -> Plan:
    found = recommend(machine("H100 80GB SXM", "H100 80GB SXM"), CATALOG, request)[0].plan
    assert found is not None
    return found


PLANS = [
    plan(),
    plan(PlanRequest(mtp=3, context=1_000_000, expert_parallel=True, extra_args=("--max-num-batched-tokens", "16384"))),
    plan(PlanRequest(as_published=True)),
    plan(PlanRequest(model_path="/data/x-FP8", model_mount="/data/x-FP8", hf_cache="/hf", vllm_cache="/vllm")),
]


@pytest.mark.parametrize("of", PLANS)
def test_the_command_is_its_explained_flags_and_nothing_else(of: Plan) -> None:
    explained = [word for flag in plan_flags(of) for word in flag.words]
    command = docker_run(container_spec(of))
    assert [word for word in command if word != of.image] == ["docker", "run", "-d", *explained]
    assert all(flag.why and flag.source for flag in plan_flags(of))


@pytest.mark.parametrize("of", [of for of in PLANS if not of.as_published])
def test_memory_and_sequences_are_said_in_every_command(of: Plan) -> None:
    said = {flag.words[0] for flag in vllm_flags(of)}
    assert {"--gpu-memory-utilization", "--max-num-seqs", "--max-model-len"} <= said


def test_the_guides_command_is_compared_flag_by_flag() -> None:
    found = {difference.flag: (difference.published, difference.here) for difference in differences(plan())}
    assert found["--max-num-seqs"] == (None, "--max-num-seqs 256")
    assert found["-p"] == ("-p 0.0.0.0:8000:8000", "-p 127.0.0.1:8000:8000")
    assert found["--gpus"][0] == "--gpus all"
    assert found["--reasoning-parser"] == (None, "--reasoning-parser nemotron_v3")
    assert "--tensor-parallel-size" not in found  # the same in both
    assert not {"--name", "--label"} & found.keys()


def test_the_model_is_the_same_model_though_ours_stands_without_a_flag() -> None:
    assert "--model" not in {difference.flag for difference in differences(plan())}


def test_the_guides_own_command_differs_in_nothing() -> None:
    published = as_published(plan())
    assert differences(replace(published, hf_cache=plan().hf_cache)) == ()


def test_a_context_beyond_the_configurations_says_that_we_did_not_try_it() -> None:
    flags = {flag["flag"]: flag for flag in reasons_json(plan(PlanRequest(context=1_000_000)))["flags"]}
    assert "not verified by us" in flags["-e VLLM_ALLOW_LONG_MAX_MODEL_LEN=1"]["why"]


def test_a_flag_reads_as_a_shell_would() -> None:
    flags = [flag["flag"] for flag in reasons_json(plan())["flags"]]
    assert shlex.split(" ".join(flags)) == [word for flag in plan_flags(plan()) for word in flag.words]
