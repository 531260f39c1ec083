"""Each fault of the pretend server is found by the trust checks over real HTTP, and none on the sound machines."""

from __future__ import annotations

import json

import httpx
import pytest

from nemotui.adapters.vllm import VllmServer
from nemotui.catalog import load_catalog
from nemotui.cli.backends import best
from nemotui.core.plan import container_spec
from nemotui.core.recommend import PlanRequest, Recommendation, recommend
from nemotui.core.verify import CHECKS, verify
from nemotui.core.verify_checks import TrustCheck
from nemotui.sim.arguments import parse
from nemotui.sim.faults import FAULTS
from nemotui.sim.machines import PROFILES, load_machine
from tests.sim.conftest import SETTINGS, PretendServer, running_server

pytestmark = pytest.mark.anyio

FOUND_BY = {
    "no-reasoning-parser": {"thinking-apart", "messages-api", "messages-streamed"},
    "no-tool-parser": {"tool-call", "tool-call-streamed"},
    "thinking-leak": {"thinking-apart", "messages-api", "messages-streamed"},
    "null-content": {"content"},
    "corrupt-text": {"known-answers", "sound-text"},
    "lost-tool-call": {"tool-call", "tool-call-streamed"},
    "ignored-mode": {"thinking-off", "thinking-low"},
    "ignored-low-effort": {"thinking-low"},
    "ignored-budget": {"thinking-budget"},
}


async def verified(server: PretendServer, model: str = "nemotron-super") -> list[TrustCheck]:
    client = VllmServer(server.base_url)
    try:
        return [check async for check in verify(client, model)]
    finally:
        await client.close()


def plans(profile: str) -> list[Recommendation]:
    machine = load_machine(profile)
    return [*recommend(machine, load_catalog(), PlanRequest())] if machine.gpus else []


SERVING = [name for name in PROFILES if any(plan.verdict != "no" for plan in plans(name))]


@pytest.mark.parametrize("profile", SERVING)
async def test_no_false_alarm_on_a_sound_machine(profile: str) -> None:
    args = [*container_spec(best(plans(profile))).args, "--profile", profile, "--speed", "1000"]
    async with running_server(parse(args, environment={}).settings) as server:
        found = await verified(server)
    assert tuple(check.name for check in found) == CHECKS
    assert {check.name: check.found for check in found if check.status != "ok"} == {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_found_with_what_mends_it(fault: str) -> None:
    args = ["nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", "--served-model-name", "nemotron-super", "--fault", fault]
    args += ["--reasoning-parser", "nemotron_v3", "--enable-auto-tool-choice", "--tool-call-parser", "qwen3_coder"]
    args += ["--max-model-len", "16384", "--speed", "1000"]
    async with running_server(parse(args, environment={}).settings) as server:
        found = await verified(server)
    failed = {check.name: check for check in found if check.status == "fail"}
    assert failed.keys() >= FOUND_BY[fault]
    for check in failed.values():
        assert check.sent
        assert check.means
        assert check.fix
    assert "served-name" not in failed
    assert "streaming" not in failed  # both ways are wrong alike
    assert "usage" not in failed


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_shows_in_no_reply_but_through_its_effect(fault: str) -> None:
    async with (
        running_server(SETTINGS, faults=frozenset({fault})) as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client,
    ):
        texts = [(await client.get(path)).text for path in ("/version", "/v1/models", "/metrics", "/health")]
        body = {"messages": [{"role": "user", "content": "hello"}]}
        reply = await client.post("/v1/chat/completions", json=body)
        refusal = await client.post("/v1/chat/completions", json={"messages": 1})
        texts += [reply.text, refusal.text, json.dumps([*reply.headers.items()])]
    for text in texts:
        assert fault not in text
        assert "fault" not in text.replace("default", "")


async def test_a_name_that_is_not_served_ends_the_checks() -> None:
    async with running_server() as server:
        found = await verified(server, "gpt-5")
    assert [(check.name, check.status) for check in found] == [("served-name", "fail")]
    assert "nemotron-super" in found[0].fix


async def test_two_faults_at_once() -> None:
    async with running_server(SETTINGS, faults=frozenset({"ignored-budget", "lost-tool-call"})) as server:
        found = await verified(server)
    failed = {check.name for check in found if check.status == "fail"}
    assert failed == {"thinking-budget", "tool-call", "tool-call-streamed"}
