"""Ctrl+C: exit 130, a last JSON line, nothing left behind that should not be; and a reader that goes away."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from nemotui.rundir import RunDirectory
from tests.cli.conftest import INTERRUPTIBLE, PROGRAM

KEY = "sesame-f00d-4a11"  # planted; must not come up anywhere


def until(process: subprocess.Popen[str], event: str) -> Any:
    """Read JSON Lines until this event."""
    assert process.stdout is not None
    for line in process.stdout:
        found = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"it ended without {event!r}")


def start(environment: dict[str, str], cwd: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*INTERRUPTIBLE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=cwd, text=True
    )


def interrupt(process: subprocess.Popen[str]) -> tuple[Any, str]:
    """Ctrl+C; the last line of standard output, and standard error."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    return json.loads(out.splitlines()[-1]), err


@pytest.mark.parametrize("verb", [("deploy", "--demo"), ("simulate",)])
def test_a_pretend_server_lives_until_ctrl_c(
    environment: dict[str, str], tmp_path: Path, verb: tuple[str, ...]
) -> None:
    port = environment["NEMOTUI_PORT"]
    with start(environment, tmp_path, *verb, "--port", port, "--speed", "20", "--json") as process:
        ready = until(process, "ready")
        assert ready["base_url"] == f"http://127.0.0.1:{port}"
        children = psutil.Process(process.pid).children(recursive=True)
        with socket.create_connection(("127.0.0.1", int(port))):
            pass
        result, _ = interrupt(process)
    assert (result["event"], result["error"]["kind"]) == ("result", "interrupted")
    psutil.wait_procs(children, timeout=60)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_an_interrupted_pull_says_that_nothing_was_started(environment: dict[str, str], tmp_path: Path) -> None:
    watched = {**environment, "NEMOTUI_SIM_START_SECONDS": "6"}
    with start(watched, tmp_path, "deploy", "--demo", "--json") as process:
        until(process, "pulling")
        result, _ = interrupt(process)
    assert result["error"]["fix"] == "The image was still being pulled; nothing was started."


def test_a_pretend_server_that_ends_takes_the_verb_with_it(environment: dict[str, str], tmp_path: Path) -> None:
    """And a benchmark of it: complete up to then, and said so."""
    with start(environment, tmp_path, "simulate", "--json") as process:
        url = until(process, "ready")["base_url"]
        with start(environment, tmp_path, "bench", "--base-url", url, "--num-prompts", "5000", "--json") as bench:
            while not until(bench, "progress")["done"]:
                pass
            (server,) = psutil.Process(process.pid).children()
            server.kill()
            out, _ = process.communicate(timeout=120)
            measured = until(bench, "result")
        assert (process.returncode, bench.returncode) == (1, 1)
    assert json.loads(out.splitlines()[-1])["error"]["kind"] == "server_ended"
    assert measured["error"]["kind"] == "requests_failed"
    assert measured["run"] in measured["error"]["fix"]
    recorded = list(RunDirectory(Path(measured["run"])).requests())
    assert len(recorded) == measured["completed"] + measured["failed"] + measured["cancelled"]


def test_an_interrupted_pretend_benchmark_is_stopped_and_kept(environment: dict[str, str], tmp_path: Path) -> None:
    """Its server ends with the verb, so the run does too; the key of a server is in no file and in no argument."""
    environment["NEMOTUI_API_KEY"] = KEY
    with start(environment, tmp_path, "bench", "--demo", "--num-prompts", "5000", "--json") as process:
        run = RunDirectory(Path(until(process, "started")["run"]))
        until(process, "progress")
        children = psutil.Process(process.pid).children(recursive=True)
        argv = [child.cmdline() for child in children]
        result, err = interrupt(process)
    assert result["error"]["kind"] == "interrupted"
    assert any("nemotui.load" in words for words in argv)
    assert any("nemotui.sim" in words for words in argv)
    assert KEY not in f"{argv}{result}{err}"
    while run.status() == "running":
        time.sleep(0.05)
    assert (run.result()["interrupted"], run.result()["complete"]) == (True, False)
    assert files_with(KEY, tmp_path) == []


@pytest.mark.parametrize("verb", ["simulate", "chat"])
def test_sigterm_ends_a_verb_as_ctrl_c_does(environment: dict[str, str], tmp_path: Path, verb: str) -> None:
    """With a server of its own, and while it waits for a question that nobody pipes in."""
    with subprocess.Popen(
        [*INTERRUPTIBLE, verb, "--demo", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=tmp_path,
        text=True,
    ) as process:
        if verb == "simulate":
            until(process, "ready")
        while verb == "chat" and not waits_for_input(process.pid):
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
        assert process.stdout is not None
        document = json.loads(process.stdout.read())  # in one piece: the last line, or all that chat says
    assert (document["error"]["kind"], document["error"]["message"]) == ("terminated", "ended by SIGTERM")
    assert psutil.wait_procs(children, timeout=60)[1] == []


def waits_for_input(pid: int) -> bool:
    """One of its threads stands in a read of standard input (proc(5), syscall: read is 0 on x86-64, 63 on arm64)."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        words = (task / "syscall").read_text().split()
        if words[:2] in (["0", "0x0"], ["63", "0x0"]):
            return True
    return False


def test_a_benchmark_of_another_server_goes_on(environment: dict[str, str], tmp_path: Path) -> None:
    with start(environment, tmp_path, "simulate", "--speed", "20", "--json") as server:
        url = until(server, "ready")["base_url"]
        with start(environment, tmp_path, "bench", "--base-url", url, "--num-prompts", "200", "--json") as process:
            run = until(process, "started")["run"]
            until(process, "progress")
            result, _ = interrupt(process)
        assert f"nemotui bench --attach {run}" in result["error"]["fix"]
        attached = subprocess.run(
            [*PROGRAM, "bench", "--attach", run, "--json"],
            env=environment,
            capture_output=True,
            check=False,
            timeout=120,
        )
        final = json.loads(attached.stdout.splitlines()[-1])
        assert (attached.returncode, final["completed"], final["interrupted"]) == (0, 200, False)
        assert (final["time_scale"], final["metadata"]) == (20, {"server": "pretend"})
        assert final["published"] is None  # a server that is not ours: nobody knows its hardware
        interrupt(server)


def test_a_run_is_ended_without_a_console(environment: dict[str, str], tmp_path: Path) -> None:
    def nemotui(*args: str) -> tuple[int, Any]:
        done = subprocess.run(
            [*PROGRAM, "bench", *args, "--json"], env=environment, capture_output=True, check=False, timeout=120
        )
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    with start(environment, tmp_path, "simulate", "--speed", "20", "--json") as server:
        url = until(server, "ready")["base_url"]
        code, detached = nemotui("--base-url", url, "--num-prompts", "5000", "--detach")
        assert code == 0
        while not list(RunDirectory(Path(detached["run"])).requests()):
            time.sleep(0.05)
        code, stopped = nemotui("--stop", "latest")
        assert (code, stopped["run"], stopped["interrupted"], stopped["error"]) == (0, detached["run"], True, None)
        code, again = nemotui("--stop", "latest")
        assert (code, again["error"]["kind"]) == (3, "not_running")
        interrupt(server)


def test_a_followed_log_is_json_lines_until_ctrl_c(environment: dict[str, str], tmp_path: Path) -> None:
    with start(environment, tmp_path, "logs", "--demo", "-f", "--json") as process:
        assert until(process, "line")["stream"] in ("stdout", "stderr")
        result, _ = interrupt(process)
    assert (result["event"], result["error"]["kind"]) == ("result", "interrupted")


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 0), (b"\n", 0), (b"\x04", 0), (b"\x03", 130)])
def test_up_asks_before_it_starts_anything(
    environment: dict[str, str], tmp_path: Path, answer: bytes, code: int
) -> None:
    """At a terminal: no, nothing, the end of input, and Ctrl+C. There is no engine: a yes would end with 3."""
    machine = tmp_path / "box.json"
    machine.write_bytes(
        subprocess.run([*PROGRAM, "gpus", "--demo", "--json"], env=environment, capture_output=True, check=True).stdout
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*INTERRUPTIBLE, "up", "--machine", str(machine)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        question = process.stderr.read(len("Start the first plan? [y/N] "))
        assert question == b"Start the first plan? [y/N] "
        os.write(ours, answer)
        out, err = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, b"Traceback" in err) == (code, False)
    assert (b"Nothing was started." in out) == (code == 0)


def test_the_key_in_a_file_goes_nowhere_else(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "the-key"
    path.write_text(KEY + "\n")
    for args in (("bench", "--num-prompts", "4", "--speed", "20"), ("chat", "--speed", "50", "hi"), ("status",)):
        done = subprocess.run(
            [*PROGRAM, *args, "--demo", "--json", "--api-key-file", str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert KEY not in done.stdout + done.stderr
    assert files_with(KEY, tmp_path) == [path]


def files_with(text: str, folder: Path) -> list[Path]:
    """The files under a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.parametrize("words", [("logs",), ("chat", "--mode", "off", "Hello")])
def test_a_reader_that_goes_away_is_no_event(environment: dict[str, str], words: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [*PROGRAM, *words, "--demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_full_disk_is_one_line(environment: dict[str, str], as_json: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "gpus", "--demo", *as_json],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "nemotui: the output cannot be written: No space left on device. Make room, or send it elsewhere."
    ]
