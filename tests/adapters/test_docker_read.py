"""Containers read from the engine's documents: whose they are, and what would make them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.docker_read import concerns_us, container_of, spec_of
from nemotui.adapters.kept_names import KeptNames
from nemotui.core.errors import FailedError
from nemotui.core.keeping import Keeping
from nemotui.core.plan import ALL_GPUS, LABEL, Volume


@pytest.mark.parametrize(
    ("image", "command", "labels", "state", "ours"),
    [
        ("vllm/vllm-openai:latest", "vllm serve x", {}, "running", True),
        ("registry.example/mirror/vllm-openai@sha256:0", "serve", {}, "running", True),
        ("rocm/vllm", "bash", {}, "running", True),
        ("pytorch/pytorch", "vllm serve nvidia/X --port 8000", {}, "running", True),
        ("python:3", "python3 -m vllm.entrypoints.openai.api_server", {}, "restarting", True),
        ("python:3", "/usr/bin/vllm serve x", {}, "paused", True),
        ("anything", "anything", {LABEL: "x"}, "exited", True),
        ("vllm/vllm-openai:latest", "vllm serve x", {}, "exited", False),  # somebody else's, and over
        ("prom/prometheus", "/bin/prometheus", {}, "running", False),
        ("me/vllmish-notes", "nginx", {}, "running", False),
        ("me/notes", "echo vllm served", None, "running", False),
    ],
)
def test_which_containers_concern_us(
    image: str, command: str, labels: dict[str, str] | None, state: str, ours: bool
) -> None:
    assert concerns_us({"Image": image, "Command": command, "Labels": labels, "State": state}) is ours


def document(**host: Any) -> dict[str, Any]:
    return {
        "Id": "0a1b",
        "Name": "/by-hand",
        "Created": "2026-11-24T06:56:53Z",
        "RestartCount": 2,
        "State": {"Status": "running", "ExitCode": 0, "StartedAt": "2026-11-24T06:56:54Z", "FinishedAt": ""},
        "Config": {
            "Image": "vllm/vllm-openai:latest",
            "Cmd": ["nvidia/X", "--port", "9000"],
            "Env": ["PATH=/usr/bin", "HF_TOKEN=hf_planted", "NCCL_DEBUG=INFO"],
            "Labels": None,
        },
        "HostConfig": {"PortBindings": None, "Binds": None, **host},
    }


def test_what_would_make_it_again_leaves_out_the_image_and_every_secret() -> None:
    spec = spec_of(
        document(
            PortBindings={"8000/tcp": [{"HostIp": "", "HostPort": "8001"}]},
            Binds=["/hf:/root/.cache/huggingface", "/m:/m:ro"],
            DeviceRequests=[{"DeviceIDs": None, "Count": -1, "Capabilities": [["gpu"]]}],
            RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3},
            LogConfig={"Type": "json-file", "Config": {"max-size": "1g", "max-file": "2"}},
            IpcMode="host",
        ),
        frozenset({"PATH=/usr/bin"}),
    )

    assert (spec.name, spec.bind, spec.port, spec.container_port) == ("by-hand", "0.0.0.0", 8001, 8000)
    assert spec.gpus == ALL_GPUS
    assert spec.volumes == (
        Volume(source="/hf", target="/root/.cache/huggingface"),
        Volume(source="/m", target="/m", read_only=True),
    )
    assert spec.environment == (("NCCL_DEBUG", "INFO"),)
    assert spec.secret_environment == ("HF_TOKEN",)
    assert spec.keeping == Keeping(restart="on-failure:3", log_max_size="1g", log_max_files=2)
    assert "hf_planted" not in repr(spec)


def test_one_on_the_hosts_network_listens_where_it_was_told_to() -> None:
    container = container_of(document(NetworkMode="host"), frozenset({"0a1b"}))

    assert container.port == 9000
    assert (container.restarts, container.adopted, container.ours) == (2, True, True)
    assert container_of(document()).port is None


def test_times_that_an_engine_leaves_out_are_unknown() -> None:
    attrs = document()
    for name in ("StartedAt", "FinishedAt"):
        attrs["State"].pop(name, None)
    container = container_of(attrs)
    assert (container.started_at, container.finished_at) == (None, None)


def test_kept_names_are_read_again_the_newest_first_and_nonsense_is_none(tmp_path: Path) -> None:
    kept = KeptNames(tmp_path / "state" / "x.json")
    assert kept.all() == set()

    for name in ("a", "b", "a"):
        kept.add(name)
    assert kept.all() == {"a", "b"}
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0

    (tmp_path / "state" / "x.json").write_text('{"not": "a list"}')
    assert kept.all() == set()


def test_kept_names_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FailedError) as raised:
        KeptNames(tmp_path / "file" / "x.json").add("a")

    assert raised.value.problem.kind == "state"
