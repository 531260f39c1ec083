"""What the console does after a failure, a kill or beside another console, on a real engine in a real terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from docker import DockerClient

from tests.real.terminal import Terminal, console

pytestmark = pytest.mark.real

FP8 = "/models/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"  # as if it were in the image: there is no hub to ask
# Our pretend server, in a start that takes so many seconds.
STARTS_IN = """
import os, runpy, sys
os.environ["NEMOTUI_SIM_START_SECONDS"] = "%d"
sys.argv = ["sim", "serve", *sys.argv[1:]]
runpy.run_module("nemotui.sim", run_name="__main__")
"""


def words(image: str, name: str, port: int, *more: str) -> list[str]:
    plan = ["--no-gpu", "--image", image, "--model-path", FP8, "--tp", "2"]
    return [*plan, "--name", name, "--port", str(port), *more]


def preview(t: Terminal) -> None:
    """From any pane: take the plan, look at its command."""
    t.keys("F3")
    t.wait_for("VERDICT")  # the head of the table of plans, which no other pane has
    t.keys("Enter")
    t.wait_for("Nothing is in the way")


def start(t: Terminal) -> None:
    """The same, and start it."""
    preview(t)
    t.keys("Enter")


def kill(t: Terminal) -> None:
    """SIGKILL to the console in this terminal, nothing else."""
    os.kill(t.child(), signal.SIGKILL)
    t.wait_for("exit code 137")


def test_too_many_sequences_are_cured_by_one_key(
    home: dict[str, str], server_image: str, docker_client: DockerClient, name: str, port: int
) -> None:
    with console(words(server_image, name, port, "--max-num-seqs", "1024"), home) as t:
        start(t)
        screen = t.wait_for(r"The start failed: max_num_seqs is 1024, and the cache has only \d+ Mamba blocks")
        blocks = re.search(r"has only (\d+) Mamba", screen)
        assert blocks is not None
        assert re.search(r"- --max-num-seqs 1024\s+\+ --max-num-seqs " + blocks[1], screen)

        t.keys("r")
        t.wait_for(rf"Try again with:[^E]*\+ --max-num-seqs {blocks[1]}")
        t.keys("Enter")
        t.wait_for(r"● Ready")

        args = docker_client.containers.get(name).attrs["Config"]["Cmd"]
        assert args[args.index("--max-num-seqs") + 1] == blocks[1]


def test_a_console_that_was_killed_finds_the_start_again_with_its_times(
    home: dict[str, str], script_image: Callable[[str], str], docker_client: DockerClient, name: str, port: int
) -> None:
    plan = words(script_image(STARTS_IN % 16), name, port)  # long enough for the next console to see it too
    with console(plan, home) as t:
        start(t)
        t.wait_for(r"Starting +0:(0[2-9]|1)")
        kill(t)

    began = docker_client.containers.get(name).attrs["State"]["StartedAt"]
    with console(plan, home) as t:
        t.wait_for("starting: ")
        t.keys("F3")
        t.wait_for(r"✓ boot")
        screen = t.wait_for(r"● Ready after 0:\d\d")
        took = re.search(r"Ready after 0:(\d\d)", screen)
        assert took is not None
        assert int(took[1]) >= 16  # since the container's start, not since this console's
        assert docker_client.containers.get(name).attrs["State"]["StartedAt"] == began


def test_two_consoles_see_the_same_and_do_not_fight(
    home: dict[str, str], script_image: Callable[[str], str], docker_client: DockerClient, name: str, port: int
) -> None:
    plan = words(script_image(STARTS_IN % 4), name, port)
    with console(plan, home) as one, console(plan, home) as two:
        for t in (one, two):
            preview(t)
        one.keys("Enter")
        two.keys("Enter")
        for t in (one, two):
            t.wait_for(r"● Ready|runs already|is being started|starting: ")
        for t in (one, two):
            t.wait_for(r"● nemotron-super at")
        assert len(docker_client.containers.list(all=True, filters={"name": name})) == 1


def test_one_that_was_started_by_hand_is_looked_at_adopted_and_stopped(
    home: dict[str, str], script_image: Callable[[str], str], docker_client: DockerClient, name: str, port: int
) -> None:
    image = f"{name}/vllm"  # no label of ours: its image says what it is
    docker_client.images.get(script_image(STARTS_IN % 1)).tag(image)
    container = docker_client.containers.run(
        image, [FP8, "--tensor-parallel-size", "2"], name=name, detach=True, ports={"8000/tcp": ("127.0.0.1", port)}
    )
    try:
        with console(["--port", str(port)], home) as t:
            t.wait_for(r"● \S*NVIDIA-Nemotron-3-Super")
            t.keys("F3")
            t.wait_for("was not started by nemotui")
            t.keys("x")
            t.wait_for("was started by hand")
            t.keys("a")
            t.wait_for(f"Make {name} ours")
            t.keys("Enter")
            t.wait_for("counts as ours from now on")
            t.wait_until_gone("it is only looked at")
            t.keys("x")
            t.wait_for(f"Stop {name}")
            t.keys("Enter")
            t.wait_for("has stopped")
        container.reload()
        assert container.status == "exited"
    finally:
        container.remove(force=True)
        docker_client.images.remove(image, force=True)


def test_a_killed_deploy_leaves_a_start_that_status_finds(
    home: dict[str, str], script_image: Callable[[str], str], name: str, port: int
) -> None:
    environment = {**os.environ, **home}
    argv = [
        sys.executable,
        "-m",
        "nemotui",
        "deploy",
        *words(script_image(STARTS_IN % 12), name, port),
        "--anyway",
        "--json",
    ]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as deploy:
        assert deploy.stdout is not None
        for line in deploy.stdout:
            if '"event":"starting"' in line:
                deploy.kill()
                break
    argv = [sys.executable, "-m", "nemotui", "status", "--json"]
    status = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=False
    )  # 3: it does not serve yet
    assert (name, "running") in [(c["name"], c["state"]) for c in json.loads(status.stdout)["containers"]]
