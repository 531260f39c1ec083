"""What an incident keeps and what it leaves out: every secret, wherever it stands."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.errors import NothingThereError
from nemotui.core.hardware import Machine
from nemotui.core.incident import incident, scrubbed
from nemotui.core.logs import LogLine
from nemotui.core.plan import ContainerSpec
from nemotui.core.ports import EngineInfo
from tests.core.logfiles import captured
from tests.core.scripted import RUNNING, SPEC, Runtime

pytestmark = pytest.mark.anyio

MADE_LATER = "aKeyThatWasMadeForThisServerLaterOn"
SECRETS = ("hf_planted1234567", "planted-server-key", 'quo"ted-key', "planted-flag-key")
DOCUMENT = {
    "Id": "0a1b",
    "Config": {
        "Env": [
            f"HF_TOKEN={SECRETS[0]}",
            f"VLLM_API_KEY={SECRETS[1]}",
            f"AWS_SECRET_ACCESS_KEY={SECRETS[2]}",
            "TINY_TOKEN=ab",
            "PATH=/usr/bin",
        ],
        "Cmd": ["nvidia/X", "--api-key", SECRETS[3], "--max-num-seqs", "9"],
    },
    "Path": SECRETS[3],
}


class Failed(Runtime):
    """A container that has failed, whose log and document hold secrets."""

    async def info(self) -> EngineInfo:
        return EngineInfo(version="28", api_version="1.51", nvidia_runtime=True)

    async def spec(self, container_id: str) -> ContainerSpec:
        return replace(SPEC, args=("nvidia/X", "--api-key", SECRETS[3]), secret_environment=("HF_TOKEN",))

    async def document(self, container_id: str) -> Mapping[str, Any]:
        return DOCUMENT

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        yield (
            *captured("vllm-cpu-failed-startup-moe.log"),
            LogLine(f"key {SECRETS[1]}, {MADE_LATER} and Bearer abcdef123456"),
        )


class Box:
    """The rest of the world: no driver."""

    def __init__(self) -> None:
        self.runtime = Failed()
        self.probe = self
        self.keys = self

    def key(self) -> str:
        return MADE_LATER

    async def sample(self) -> Machine:
        raise NothingThereError("no_driver", "there is no driver")


async def test_an_incident_holds_all_that_is_known_and_no_secret() -> None:
    container = replace(RUNNING, state="exited", exit_code=1)

    files = await incident(Box(), container)  # type: ignore[arg-type]

    assert set(files) == {"plan.json", "log.txt", "inspect.json", "environment.json", "diagnosis.json"}
    for name, text in files.items():
        for secret in (*SECRETS, MADE_LATER):
            assert secret not in text, name
            assert json.dumps(secret)[1:-1] not in text, name
    assert "abcdef123456" not in files["log.txt"]
    assert "TINY_TOKEN=***" in files["inspect.json"]
    assert "PATH=/usr/bin" in files["inspect.json"]
    assert json.loads(files["diagnosis.json"])["cause"].startswith("NotImplementedError: is_act_and_mul=False")
    assert json.loads(files["environment.json"])["machine"]["kind"] == "no_driver"
    assert "docker run -d --name nemotron" in json.loads(files["plan.json"])["command"]
    assert files["log.txt"].count("\n") > 200


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token=hf_AbCdEf0123456789 used", "hf_AbCdEf0123456789"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("https://user:pass1234@proxy.example:3128/", "user:pass1234"),
        ("non-default args: {'api_key': ['local-key-1'], 'port': 8000}", "local-key-1"),
        ("ghp_0123456789abcdef in a URL", "ghp_0123456789abcdef"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret not in scrubbed(text)
    assert "***" in scrubbed(text)


def test_what_does_not_look_like_one_stays() -> None:
    text = "max_num_batched_tokens=8192, sk-learn, tokens: 12 at http://127.0.0.1:8000/v1 by nvidia/NVIDIA-Nemotron-3"
    assert scrubbed(text, ("abc",)) == text  # too short to be told from other words
