"""The console by keys on a real vLLM (CPU): deploy, read its log, measure, chat, stop. `docs/real-vllm.md` says how."""

from __future__ import annotations

import pytest

from tests.real.terminal import Terminal, console
from tests.real.test_console import IN_THE_FIELD

pytestmark = pytest.mark.vllm

IMAGE = "vllm/vllm-openai:cpu-test"
PATIENCE_S = 300.0


def show(title: str, t: Terminal) -> None:
    """Print the screen, as the documentation records it."""
    lines = [line.rstrip() for line in t.screen().rstrip("\n").split("\n")]
    print(f"\n--- {title}\n" + "\n".join(lines))


def test_the_loop_by_keys(home: dict[str, str], name: str, port: int) -> None:
    plan = ["--no-gpu", "--image", IMAGE, "--model-path", "/models/tiny-nemotron-h-chat", "--context", "4096"]
    arguments = [*plan, "--name", name, "--port", str(port), "--", "--enforce-eager"]
    with console(arguments, home, (100, 30)) as t:
        t.wait_for("no NVIDIA driver")
        t.keys("2")
        t.wait_for("VERDICT")
        t.keys("Enter")
        t.wait_for("Preflight")
        show("Enter on the plan", t)
        t.keys("Enter")
        t.wait_for("✓ configuration", PATIENCE_S)
        show("the start", t)
        t.wait_for("● Ready", PATIENCE_S)
        show("ready", t)
        t.keys("3")
        t.wait_for("Application startup complete|GET /|POST /")
        t.keys("4")
        t.wait_for("measures nemotron-super")
        t.keys("e")
        t.wait_until_gone("e Edit")
        t.text("128")  # the CPU build of vLLM dies of prompts of a thousand tokens
        t.keys("Enter")
        t.wait_for(r"E2EL +[\d,.]+ +[\d,.]+", PATIENCE_S)
        show("measured", t)
        t.keys("F6")
        t.wait_for(IN_THE_FIELD)
        t.text("hello")
        t.keys("Enter")
        t.wait_for(r"thought for .*tokens", PATIENCE_S)
        t.wait_for(r"full · TTFT[^❯]*·\s+(stop|length)", PATIENCE_S)
        t.keys("F7", "F7")
        t.wait_for("reasoning off")
        t.text("hello again")
        t.keys("Enter")
        t.wait_for(r"off · TTFT[^❯]*·\s+(stop|length)", PATIENCE_S)
        show("full, then off", t)
        t.keys("Escape")
        t.wait_for("i Write")
        t.keys("2")
        t.wait_for("VERDICT")
        t.keys("x")
        t.wait_for(f"Stop {name}")
        t.keys("Enter")
        t.wait_for("nothing is served", PATIENCE_S)
        t.keys("q")
        t.wait_for("exit code 0")
