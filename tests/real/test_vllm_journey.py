"""The journey of docs/real-vllm.md: deploy, benchmark, chat and stop a real vLLM (CPU) with the commands of a user.

Needs the image that tests/real/vllm_cpu/build.sh makes. Its printed output is what the documentation shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.parts import require

pytestmark = pytest.mark.vllm

IMAGE = "vllm/vllm-openai:cpu-test"
DEPLOY = ("--no-gpu", "--image", IMAGE, "--model-path", "/models/tiny-nemotron-h-chat", "--context", "4096")
EAGER = ("--", "--enforce-eager")


class Shell:
    """Runs `nemotui` as a user does, with a state directory of its own, and shows what it prints."""

    def __init__(self, home: Path, port: int) -> None:
        self._environ = {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
        }
        self.port = port

    def __call__(self, *args: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        print(f"\n$ nemotui {' '.join(args)}", flush=True)
        command = [sys.executable, "-m", "nemotui", *args]
        done = subprocess.run(
            command,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        print(done.stdout + done.stderr, end="", flush=True)
        return done


@pytest.fixture
def nemotui(tmp_path: Path, port: int) -> Shell:
    require("docker engine")
    return Shell(tmp_path, port)


@pytest.fixture
def deployed(nemotui: Shell, name: str) -> str:
    done = nemotui("deploy", *DEPLOY, "--name", name, "--port", str(nemotui.port), *EAGER)
    assert done.returncode == 0, done.stderr
    return f"http://127.0.0.1:{nemotui.port}"


def test_the_journey(nemotui: Shell, deployed: str, name: str, tmp_path: Path) -> None:
    status = nemotui("status", "--base-url", deployed)
    assert status.returncode == 0
    assert name in status.stdout

    bench = nemotui(
        *("bench", "--base-url", deployed, "--input-len", "128", "--output-len", "32"),
        *("--num-prompts", "16", "--max-concurrency", "4", "--output", str(tmp_path / "runs")),
    )
    assert bench.returncode == 0, bench.stderr
    (file,) = tmp_path.glob("runs/*/result.json")
    result = json.loads(file.read_text())
    assert (result["completed"], result["failed"]) == (16, 0)
    assert result["total_output_tokens"] == 16 * 32
    assert result["mean_ttft_ms"] > 0

    off = nemotui("chat", "--base-url", deployed, "--mode", "off", "hello")
    assert off.returncode == 0
    assert off.stdout.startswith("Hello! I am a tiny test model.")
    assert "The user sent a message" not in off.stderr

    full = nemotui("chat", "--base-url", deployed, "--mode", "full", "hello")
    assert full.returncode == 0
    assert "The user sent a message" in full.stderr
    assert full.stdout.startswith("Hello! I am a tiny test model.")

    stop = nemotui("stop", "--name", name)
    assert stop.returncode == 0, stop.stderr
    assert nemotui("chat", "--base-url", deployed, "hello").returncode == 3


def test_the_trust_checks(nemotui: Shell, deployed: str, tmp_path: Path) -> None:
    done = nemotui("verify", "--base-url", deployed)
    assert done.returncode == 1
    (verified,) = json.loads((tmp_path / "state" / "nemotui" / "verified.json").read_text())
    found = {check["name"]: check["status"] for check in verified["checks"]}
    # The tiny model knows one answer, has one way of thinking, and calls the tool again whatever that has said; and
    # this build of vLLM ends at a prompt that spans several blocks of Mamba states, so that comes last.
    honest = {"known-answers", "thinking-low", "tool-result", "long-input"}
    assert {name: status for name, status in found.items() if name not in honest} == dict.fromkeys(
        found.keys() - honest, "ok"
    )
    assert {found[name] for name in honest} == {"fail"}


def test_a_real_failed_start_is_explained(nemotui: Shell, name: str) -> None:
    """The CPU build of vLLM does not run a mixture of experts."""
    experts = [arg.replace("-chat", "-moe") for arg in DEPLOY]

    done = nemotui("deploy", *experts, "--name", name, "--port", str(nemotui.port), *EAGER)

    assert done.returncode == 1
    assert "is_act_and_mul=False is supported only for CUDA" in done.stderr
