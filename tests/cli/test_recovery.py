"""What a script gets of a failed start, and what `clean` finds and removes."""

from __future__ import annotations

import os
import shlex
import socket
import tarfile
from pathlib import Path

import pytest

from tests.cli.conftest import Run

OURS = "models--nvidia--NVIDIA-Nemotron-3-Super-120B-A12B-FP8"


def test_a_failed_deployment_carries_its_cure(nemotui: Run) -> None:
    words = ("deploy", "--demo", "2xh100", "--speed", "100", "--variant", "FP8")
    ran = nemotui(*words, "--json", "--", "--max-num-seqs", "1024", "--seed", "7")

    result = ran.lines[-1]
    cure = result["cure"]
    assert (ran.code, result["error"]["kind"]) == (1, "too_many_seqs")
    assert cure["changes"] == [{"setting": "--max-num-seqs", "value": "618"}]
    assert "+ --max-num-seqs 618" in cure["diff"]
    assert cure["command"][cure["command"].index("--max-num-seqs") + 1] == "618"
    retry = shlex.join(cure["retry"])
    assert retry.startswith("nemotui deploy ")
    assert retry.endswith("--max-num-seqs 618 -- --seed 7")
    assert "--demo 2xh100" in retry
    assert "--variant FP8" in retry
    assert cure["retry"].count("--max-num-seqs") == 1


def test_a_port_that_the_preflight_finds_taken_has_its_command_too(nemotui: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = nemotui("deploy", "--demo", "--variant", "FP8", "--port", str(port), "--json")
    result = ran.lines[-1]
    assert (ran.code, result["error"]["kind"]) == (1, "port_taken")
    (change,) = result["cure"]["changes"]
    assert int(change["value"]) > port
    assert result["cure"]["retry"][-2:] == ["--port", change["value"]]
    assert shlex.join(result["cure"]["retry"]) in " ".join(ran.err.replace("\\", "").split())


def test_a_command_that_mends_a_part_names_the_rest(nemotui: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = nemotui("deploy", "--no-gpu", "--image", "x:1", "--model-path", "x/y", "--port", port)
    assert ran.code == 3
    assert "Mend engine first, then try again with:" in ran.err


def test_the_command_that_is_said_does_it(nemotui: Run) -> None:
    """In text too: the exact command, to be pasted."""
    ran = nemotui("deploy", "--demo", "--speed", "100", "--variant", "FP8", "--", "--max-num-seqs", "1024")
    assert ran.code == 1
    assert "Try again with:" in ran.err
    assert "--max-num-seqs 618" in ran.err.partition("Try again with:")[2]


def test_a_failure_that_no_setting_cures_has_none(nemotui: Run) -> None:
    ran = nemotui("deploy", "--demo", "--speed", "100", "--json", "--", "--tensor-parallel-size", "3")
    assert (ran.code, ran.lines[-1]["cure"]) == (1, None)


@pytest.mark.parametrize("variable", ["HF_TOKEN=hf_x", "MY_API_KEY=x", "no-value", "=x", "A B=c"])
def test_a_variable_that_is_a_secret_or_none_is_refused(nemotui: Run, variable: str) -> None:
    ran = nemotui("deploy", "--demo", "--dry-run", "--env", variable)
    assert (ran.code, ran.out) == (2, "")
    assert "hf_x" not in ran.err


def test_a_variable_of_the_container_is_in_its_command(nemotui: Run) -> None:
    ran = nemotui("deploy", "--demo", "--dry-run", "--env", "VLLM_ENGINE_READY_TIMEOUT_S=1800")
    assert "-e VLLM_ENGINE_READY_TIMEOUT_S=1800" in ran.out


@pytest.mark.parametrize(
    ("name", "value"), [("RESTART_POLICY", "sometimes"), ("LOG_MAX_SIZE", "much"), ("LOG_MAX_FILES", "0")]
)
def test_what_docker_would_not_take_is_a_usage_error(nemotui: Run, name: str, value: str) -> None:
    ran = nemotui("deploy", "--demo", "--dry-run", env={f"NEMOTUI_{name}": value})
    assert (ran.code, ran.out) == (2, "")
    assert name.lower() in ran.err


def test_a_bundle_is_for_its_owner_alone(nemotui: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.tar.gz"
    ran = nemotui("bundle", "--demo", "--speed", "100", str(file), "--json", env={"HF_TOKEN": "hf_planted12345"})
    assert ran.document["path"] == str(file)
    assert file.stat().st_mode & 0o077 == 0
    with tarfile.open(file) as tar:
        assert {Path(name).name for name in tar.getnames()} == set(ran.document["files"])
        texts = [member.read().decode() for name in tar.getnames() if (member := tar.extractfile(name))]
    assert not any("hf_planted12345" in text for text in texts)
    assert list(tmp_path.glob(".x.tar.gz*")) == []


def test_a_bundle_that_cannot_be_written_says_so(nemotui: Run) -> None:
    ran = nemotui("bundle", "--demo", "--speed", "100", "/proc/none/x.tar.gz")
    assert ran.code == 1
    assert "cannot be written" in ran.err


@pytest.fixture
def left(environment: dict[str, str], tmp_path: Path) -> Path:
    """A state directory and caches with things of ours and of others in them."""
    state, hub = tmp_path / "state/nemotui", tmp_path / "hf/hub"
    for folder in (OURS, "models--somebody--else"):
        (hub / folder).mkdir(parents=True)
        (hub / folder / "weights").write_bytes(b"x" * 10_000)
    (tmp_path / "vllm/torch_compile_cache/abc").mkdir(parents=True)
    (state / "incidents").mkdir(parents=True)
    (state / "incidents/1-x.tar.gz").write_bytes(b"x")
    (state / "lab/1-full").mkdir(parents=True)
    (state / "handover/1-tau-bench-7").mkdir(parents=True)
    (state / "logs").mkdir()
    (state / "logs/1-nemotui.log").write_bytes(b"x")
    (state / "logs/.2-nemotui.log.part").write_bytes(b"")
    (state / "starts.json").write_text("[]")
    environment |= {"NEMOTUI_HF_CACHE": str(tmp_path / "hf"), "NEMOTUI_VLLM_CACHE": str(tmp_path / "vllm")}
    return tmp_path


def test_clean_lists_what_is_ours_with_sizes(nemotui: Run, left: Path) -> None:
    found = nemotui("clean", "--json").document["left"]
    assert {(each["kind"], Path(each["name"]).name) for each in found} == {
        ("weights", OURS),
        ("caches", "abc"),
        ("labs", "1-full"),
        ("handovers", "1-tau-bench-7"),
        ("logs", "1-nemotui.log"),
        ("incidents", "1-x.tar.gz"),
        ("starts", "starts.json"),
    }
    (weights,) = [each for each in found if each["kind"] == "weights"]
    assert weights["size_bytes"] >= 10_000
    assert all(each["size_bytes"] for each in found)  # a file's too
    assert "Containers and images are not listed. No Docker engine answers" in nemotui("clean").err
    assert "engine cannot be asked" in weights["kept"]  # nobody knows who uses it


def test_clean_removes_what_is_chosen_and_asks_for_yes(nemotui: Run, left: Path) -> None:
    bundle = left / "state/nemotui/incidents/1-x.tar.gz"
    ran = nemotui("clean", "--incidents")
    assert (ran.code, bundle.exists()) == (2, True)

    ran = nemotui("clean", "--incidents", "--starts", "--yes", "--json")
    assert ran.code == 0
    assert {each["kind"] for each in ran.document["removed"]} == {"incidents", "starts"}
    assert not bundle.exists()
    assert (left / "hf/hub" / OURS).exists()


def test_clean_of_an_engine_that_does_not_answer_is_not_done(nemotui: Run, left: Path) -> None:
    ran = nemotui("clean", "--containers", "--incidents", "--yes", "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (3, "no_engine")
    assert (left / "state/nemotui/incidents/1-x.tar.gz").exists()


def test_clean_keeps_what_a_server_may_use_and_whatever_is_not_ours(nemotui: Run, left: Path) -> None:
    ran = nemotui("clean", "--weights", "--caches", "--yes")
    assert "stays" in ran.err
    assert (left / "hf/hub" / OURS / "weights").exists()
    other = left / "hf/hub/models--somebody--else"
    assert nemotui("clean", str(other), "--yes").code == 2
    assert other.exists()


def test_clean_removes_weights_once_it_is_known_that_nobody_uses_them(nemotui: Run, left: Path) -> None:
    """With the pretend engine, where nothing runs."""
    state = left / "state/nemotui/demo"
    state.mkdir(parents=True, exist_ok=True)
    ran = nemotui("clean", "--weights", "--demo", "--yes", "--json")
    assert [Path(each["name"]).name for each in ran.document["removed"]] == [OURS]
    assert not (left / "hf/hub" / OURS).exists()
    assert os.listdir(left / "hf/hub") == ["models--somebody--else"]
