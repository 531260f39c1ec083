"""The console in a real terminal: keys typed by tmux, the screen read back."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.real.terminal import Terminal, console

pytestmark = pytest.mark.real

IN_THE_FIELD = r"F1 Help"  # so the footer has it while the chat's field has the cursor, and as ? otherwise


def deploy(t: Terminal) -> None:
    """From any pane: take the first plan, look at its command, start it, wait until it serves."""
    t.keys("F3")
    t.wait_for("VERDICT")
    t.keys("Enter")
    t.wait_for("Preflight")
    t.keys("Enter")
    t.wait_for(r"● Ready")
    t.wait_for(r"● nemotron-super (at http://127\.0\.0\.1)?:\d+")


def chat(t: Terminal) -> None:
    """Ask in full and in off; leave the field."""
    t.keys("F6")
    t.wait_for(IN_THE_FIELD)
    t.text("hello 12345 q?")
    t.keys("Enter")
    t.wait_for(r"thought for .*tokens")
    t.wait_for(r"full · TTFT[^❯]*· (stop|length)")
    t.keys("F7", "F7")
    t.wait_for("reasoning off")
    t.text("again")
    t.keys("Enter")
    screen = t.wait_for(r"off · TTFT[^❯]*· (stop|length)")
    assert "hello 12345 q?" in screen or "again" in screen
    t.keys("Escape")


def measure(t: Terminal) -> None:
    """The quick preset to its end."""
    t.keys("F5")
    t.wait_for("Enter measures nemotron-super")
    t.keys("Enter")
    t.wait_for(r"E2EL +[\d,.]+ +[\d,.]+")


def test_the_loop_by_keys_on_a_pretend_machine(home: dict[str, str]) -> None:
    with console(["--demo", "2xh100", "--speed", "20", "--port", str(free_port())], home, (80, 24)) as t:
        t.wait_for("NVIDIA H100 80GB HBM3")
        deploy(t)
        t.keys("F4")
        t.wait_for("Application startup complete|GET /v1/models|POST /v1/chat")
        measure(t)
        chat(t)
        t.keys("1")
        t.wait_for(r"7\d\.\d of 79")  # the pretend server holds its memory
        t.keys("q")
        t.wait_for("exit code 0")


def test_it_can_be_resized_to_nothing_and_back(home: dict[str, str]) -> None:
    with console(["--demo"], home) as t:
        t.wait_for("NVIDIA H100")
        for pane in "12345":
            t.burst("Escape", pane)
            for width, height in ((40, 10), (20, 5), (200, 50), (80, 24)):
                t.resize(width, height)
        t.keys("Escape")
        t.wait_for("i Write")
        t.keys("1")
        t.wait_for("NVIDIA H100")
        t.keys("q")
        t.wait_for("exit code 0")


def test_keys_that_come_in_one_go_are_taken_one_after_another_and_copies_arrive(home: dict[str, str]) -> None:
    with console(["--demo"], home) as t:
        t.take_clipboard()
        t.wait_for("The first time")
        t.keys("y")
        t.wait_for("kept in")
        assert t.clipboard().startswith("GPU-")
        t.burst("F6", *"hello")
        t.wait_for("│ hello")
        t.burst(*" you", "Escape", "3")
        t.wait_for("Press 2 and choose a plan")
        t.burst("5", *"35", "Escape", "?")
        t.wait_for("Esc Close")
        t.burst("Escape", "q", "Enter")
        t.wait_for("exit code 0")


def test_the_loop_by_keys_on_a_real_engine(home: dict[str, str], server_image: str, name: str) -> None:
    """A real container; it goes on when the console is left, and the next console finds it."""
    port = free_port()
    plan = ["--no-gpu", "--image", server_image, "--model-path", "/models/pretend", "--context", "4096"]
    arguments = [*plan, "--name", name, "--port", str(port)]
    with console(arguments, home) as t:
        t.wait_for("no NVIDIA driver")
        deploy(t)
        measure(t)
        t.keys("q")
        t.wait_for("exit code 0")
    with console(arguments, home) as t:
        t.wait_for(rf"● nemotron-super (at http://127\.0\.0\.1)?:{port}")
        t.keys("F4")
        t.wait_for("Application startup complete|GET /|POST /")
        chat(t)
        t.keys("2")
        t.wait_for("VERDICT")
        t.keys("x")
        t.wait_for(f"Stop {name}")
        t.keys("Enter")
        t.wait_for(r"○ nothing is served")
        t.keys("q")
        t.wait_for("exit code 0")


@contextmanager
def silent_engine(path: Path) -> Iterator[str]:
    """A Docker socket that takes connections and never answers."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"unix://{path}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)
        for connection in held:
            connection.close()


def test_quitting_waits_for_neither_docker_nor_the_driver(home: dict[str, str], library: Path, tmp_path: Path) -> None:
    """What hangs here hangs for ever: a console that waited for any of it would never end."""
    scene = tmp_path / "scene"
    scene.write_text("hang * nvmlDeviceGetUtilizationRates\n")
    hanging = {"LD_LIBRARY_PATH": str(library), "FAKE_NVML_SCENE": str(scene)}
    with (
        silent_engine(tmp_path / "docker.sock") as engine,
        console([], {**home, **hanging, "DOCKER_HOST": engine}) as t,
    ):
        t.wait_for("1 GPUs")
        t.keys("2", "3", "1", "q")
        t.wait_for("exit code 0")


def test_the_terminal_is_left_clean(home: dict[str, str]) -> None:
    with console(["--demo"], home) as t:
        t.wait_for("NVIDIA H100")
        assert t.modes() == "1 1 0"
        t.keys("q")
        screen = t.wait_for("exit code 0")
        assert re.fullmatch(r"\s*exit code 0\s*", screen)
        assert t.modes() == "0 0 1"


def test_the_terminal_is_left_clean_by_a_console_that_is_ended(home: dict[str, str]) -> None:
    with console(["--demo"], home) as t:
        t.wait_for("NVIDIA H100")
        os.kill(t.child(), signal.SIGTERM)
        t.wait_for("exit code 143")
        assert t.modes() == "0 0 1"
