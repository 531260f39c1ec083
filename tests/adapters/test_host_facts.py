"""What a preflight finds on this host: real ports and file systems, and files laid out as a systemd host has them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from nemotui.adapters.host_facts import host_facts, kills_at_logout, port_problem
from nemotui.core.plan import Plan

PLAN = Plan(
    name="x", image="x", model="owner/model", served_model_name="x", max_model_len=1, max_num_seqs=1, port=1, gpus=()
)


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_who_listens_on_a_port_is_named() -> None:
    with listen() as listener:
        port = listener.getsockname()[1]
        problem = port_problem("127.0.0.1", port)
        everywhere = port_problem("0.0.0.0", port)
    assert problem is not None
    assert everywhere is not None
    assert problem.endswith(f"listens on port {port}")
    assert f"(pid {os.getpid()})" in problem
    assert port_problem("127.0.0.1", port) is None


def test_an_address_of_another_host_cannot_be_had() -> None:
    assert port_problem("192.0.2.1", 8000) == "192.0.2.1 is no address of this host"  # RFC 5737: nobody's


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"run/systemd/system/x": ""}, False),
        ({"run/systemd/system/x": "", "etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, False),
        ({"run/systemd/system/x": "", "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        (
            {
                "run/systemd/system/x": "",
                "usr/lib/systemd/logind.conf": "KillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/50-site.conf": "KillUserProcesses = no\n",
            },
            False,
        ),
        (
            {
                "run/systemd/system/x": "",
                "etc/systemd/logind.conf": "KillUserProcesses=yes\n",
                "var/lib/systemd/linger/ada": "",
            },
            False,
        ),
        (
            {
                "run/systemd/system/x": "",
                "etc/systemd/logind.conf": "KillUserProcesses=yes\nKillExcludeUsers=root ada\n",
            },
            False,
        ),
    ],
)
def test_whether_a_host_ends_processes_at_logout(tmp_path: Path, files: dict[str, str], expected: bool | None) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert kills_at_logout(tmp_path, "ada") is expected


def test_the_token_is_told_by_where_it_is_and_never_itself(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_planted_file\n")
    by_file = host_facts(PLAN, None, tmp_path, {})
    by_name = host_facts(PLAN, None, tmp_path, {"HF_TOKEN": "hf_planted", "HTTPS_PROXY": "http://user:hf_planted@p:1"})
    assert by_file.token == "a token file is in the model cache"
    assert (by_name.token, by_name.proxies) == ("HF_TOKEN is set", ("HTTPS_PROXY",))
    assert "hf_planted" not in repr(by_file) + repr(by_name)
    assert host_facts(None, str(tmp_path), tmp_path / "none", {}).token is None
