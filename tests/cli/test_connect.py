"""`nemotui connect`: recipes for a pretend server, run where we say that they were run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from nemotui.core.connect import CLIENTS, Client, Target, recipe
from tests.adapters.raw_http import raw_server, reply
from tests.cli.conftest import Run

SECRET = "sk-a-secret-of-the-test"


@pytest.mark.parametrize("client", ["curl", "python"])
def test_what_is_shown_has_been_run(nemotui: Run, client: str) -> None:
    ran = nemotui("connect", client, "--demo", "--speed", "100", "--json")
    assert ran.code == 0
    assert ran.document["ok"]
    assert ran.document["run"]["exit_code"] == 0
    assert "Here is the short version." in ran.document["run"]["output"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>Log in first</html>", "what came is no JSON: <html>Log in first</html>"),
        (b'{"error": {"message": "no model"}}', "it has no choices"),
        (b'{"choices": [{"message": {"content": null}}]}', "the answer is empty"),
    ],
)
def test_a_reply_that_is_no_answer_is_no_success(nemotui: Run, body: bytes, why: str) -> None:
    """HTTP 200 all the same, as a proxy's page has it."""
    pages = {"/v1/models": reply(200, b'{"data": [{"id": "m"}]}'), "/v1/chat/completions": reply(200, body)}
    with raw_server(pages.__getitem__) as url:
        ran = nemotui("connect", "curl", "--base-url", url, "--json")
    assert (ran.code, ran.document["ok"], ran.document["error"]["kind"]) == (1, False, "recipe")
    assert why in ran.document["error"]["message"]


def test_a_key_is_named_by_file_and_nowhere_written(nemotui: Run, tmp_path: Path) -> None:
    file = tmp_path / "the key"
    file.write_text(SECRET + "\n")
    for client in ("curl", "python", "tau-bench"):
        ran = nemotui(
            *("connect", client, "--demo", "--speed", "100", "--json", "--api-key-file", str(file)),
            env={"VLLM_API_KEY": SECRET},
        )
        assert ran.code == 0, ran.err
        assert f"$(cat '{file}')" in ran.document["recipe"]
        assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("client", ["claude-code", "tau-bench"])
def test_the_side_of_the_server_is_tested(nemotui: Run, client: str) -> None:
    ran = nemotui("connect", client, "--demo", "--speed", "100")
    assert ran.code == 0
    assert "ok    tool-call" in ran.out
    assert "Not run by us" in ran.out


@pytest.mark.parametrize("client", ["claude-code", "tau-bench"])
def test_what_cannot_work_is_said_with_its_reason(nemotui: Run, client: str) -> None:
    ran = nemotui("connect", client, "--demo", "--json", "--speed", "100", env={"NEMOTUI_SIM_FAULT": "no-tool-parser"})
    assert ran.code == 1
    assert ran.document["recipe"] is None
    assert "--enable-auto-tool-choice" in ran.document["error"]["fix"]


def test_other_variables_of_claude_are_named_without_their_values(nemotui: Run) -> None:
    ran = nemotui("connect", "claude-code", "--demo", "--speed", "100", env={"ANTHROPIC_MODEL": SECRET})
    assert ran.code == 0
    assert "unset ANTHROPIC_MODEL" in ran.out
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("client", CLIENTS)
def test_a_hostile_name_stays_a_word(client: Client) -> None:
    name = "m'; touch owned; echo '$(id)`id`\""
    text = recipe(client, Target(base_url="http://127.0.0.1:1", model=name, key="$(cat k)"))
    assert subprocess.run(["bash", "-n", "-c", text], check=False).returncode == 0


@pytest.mark.parametrize("client", ["curl", "python"])
def test_a_hostile_name_runs_nothing(client: Client, tmp_path: Path) -> None:
    text = recipe(client, Target(base_url="http://127.0.0.1:1", model="'; touch owned; '\nEND\ntouch owned\n"))
    subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert not (tmp_path / "owned").exists()


def stand_in(folder: Path, script: str) -> str:
    """A PATH whose `uv` and `git` are ours: nothing can be fetched here, and what uv would run takes hours."""
    folder.mkdir()
    for name, text in (("uv", script), ("git", "exit 0")):
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_tau_bench_is_run_when_asked_for_and_its_score_kept(nemotui: Run, tmp_path: Path) -> None:
    script = 'printf "%s\\n" "$@" > arguments; echo "$VLLM_API_KEY" > key; echo "accuracy 0.4"'
    path = stand_in(tmp_path / "bin", script)
    file = tmp_path / "the key"
    file.write_text(SECRET)
    ran = nemotui(
        *("connect", "tau-bench", "--run", "--demo", "--speed", "100", "--json", "--api-key-file", str(file)),
        env={"PATH": path},
    )
    assert ran.code == 0, ran.err
    assert ran.document["run"]["score"] == {"accuracy": 0.4}
    directory = Path(ran.document["run"]["directory"])
    arguments = (directory / "arguments").read_text()
    assert "openbench==0.5.3" in arguments
    assert "tau_bench_retail" in arguments
    assert SECRET not in arguments + ran.out + ran.err + (directory / "result.json").read_text()
    assert (directory / "key").read_text().strip() == SECRET  # by the environment, from the file
    assert (directory / "output.log").read_text() == "accuracy 0.4\n"


def test_tau_bench_that_fails_is_told_with_where_it_printed(nemotui: Run, tmp_path: Path) -> None:
    path = stand_in(tmp_path / "bin", "echo no network; exit 2")
    ran = nemotui("connect", "tau-bench", "--run", "--demo", "--speed", "100", env={"PATH": path})
    assert ran.code == 1
    assert "no network" in ran.out
    assert "exit code 2" in ran.err
    assert "output.log" in ran.err


def test_only_what_takes_long_is_run_on_request(nemotui: Run) -> None:
    ran = nemotui("connect", "curl", "--run", "--demo")
    assert ran.code == 2
    assert "--run is for tau-bench" in ran.err
