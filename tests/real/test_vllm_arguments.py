"""A plan's flags before the parser of a real vLLM (CPU): what it takes, what it refuses, and nothing left behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient

from nemotui.adapters.surroundings import LocalSurroundings
from nemotui.core.plan import TRIAL_LABEL, Plan, container_spec

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

PLAN = Plan(
    name="nemotui",
    image="vllm/vllm-openai:cpu-test",
    model="/models/tiny-nemotron-h-chat",
    served_model_name="nemotron-super",
    max_model_len=4096,
    max_num_seqs=16,
    mtp_tokens=3,
    data_parallel_size=2,
)


@pytest.mark.parametrize(
    ("extra", "accepted", "words"),
    [
        (("--enforce-eager",), True, "takes every flag of the plan"),
        (("--swap-space", "4"), False, "unrecognized arguments: --swap-space"),
        (("--max-num-seqs", "many"), False, "invalid"),
    ],
)
async def test_the_images_own_parser_decides(
    docker_client: DockerClient, tmp_path: Path, extra: tuple[str, ...], accepted: bool, words: str
) -> None:
    plan = replace(PLAN, extra_args=extra)

    trial = await LocalSurroundings(tmp_path).try_arguments(container_spec(plan))

    assert (trial.accepted, words in trial.words) == (accepted, True), trial.words
    for _ in range(100):  # the engine removes it, in its own time
        if not docker_client.containers.list(all=True, filters={"label": TRIAL_LABEL}, ignore_removed=True):
            return
        await asyncio.sleep(0.2)
    pytest.fail("its container is still there")
