"""However a run ends: a directory that can be read, and a sentence that says why."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.load import LoadProcess
from nemotui.catalog import load_catalog
from nemotui.core.bench import BenchSpec
from nemotui.rundir import RunDirectory
from tests.load.known_server import Behaviour, KnownServer, secure, serving
from tests.load.runs import begun, start
from tests.waiting import alive, until

SLOW = Behaviour(thinking=0, content=200, gap_s=0.02)


def children(pid: int) -> list[int]:
    """The load processes of a run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.anyio
async def test_asked_to_end_at_its_first_moment(tmp_path: Path) -> None:
    load = LoadProcess(tmp_path, SystemClock(), load_catalog())
    with serving(KnownServer(lambda _: SLOW)) as server:
        run = await load.start(BenchSpec(base_url=server.url), {})
        await load.stop(run)  # long before Python is up
        async for _ in load.follow(run):
            pass
    result = RunDirectory(Path(run)).result()
    assert (result["completed"], result["interrupted"], result["error"]) == (0, True, None)
    assert (result["reason"], result["mean_ttft_ms"]) == ("the run was stopped", None)


@pytest.mark.parametrize("seen", [1, 3, 8])
def test_asked_to_end_at_any_moment(tmp_path: Path, seen: int) -> None:
    """While it prepares, warms up or measures: what was measured is kept."""
    server = KnownServer(lambda _: SLOW)
    with serving(server):
        directory, process = start(tmp_path, server.url, output_len=200, max_concurrency=4)
        until(lambda: len(list(directory.timeline()[0])) >= seen)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    result = directory.result()
    assert (result["interrupted"], result["complete"], result["reason"]) == (True, False, "the run was stopped")
    assert set(result["errors"]) <= {"cancelled"}


def test_a_load_process_that_is_killed(tmp_path: Path) -> None:
    killed = threading.Event()  # until then no process can be done, whichever of them had which request
    server = KnownServer(lambda _: Behaviour() if killed.is_set() else Behaviour(gap_s=0.1))
    with serving(server):
        directory, process = start(tmp_path, server.url, workers=2, num_prompts=400, max_concurrency=4)
        until(lambda: len(list(directory.requests())) >= 3)
        victim, _ = children(process.pid)
        os.kill(victim, signal.SIGKILL)
        killed.set()
        assert process.wait(60) == 0
    result = directory.result()
    assert result["reason"] == "1 of 2 load processes was killed: the requests it had left are missing"
    assert (result["complete"], result["interrupted"], result["failed"]) == (False, False, 0)
    assert 200 <= result["completed"] < 400  # the other one's half, and what the dead one had told
    assert directory.status() == "finished"


def test_load_processes_end_with_the_one_that_leads_them(tmp_path: Path) -> None:
    server = KnownServer(lambda number: Behaviour(breaks="silence" if number else None))
    with serving(server):
        directory, process = start(tmp_path, server.url, workers=2, num_prompts=4, max_concurrency=4)
        until(lambda: len(server.sends) > 4 and len(children(process.pid)) == 2)
        orphans = children(process.pid)
        process.kill()
        process.wait(60)
        until(lambda: not any(map(alive, orphans)))
    assert directory.status() == "interrupted"


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """No file may grow beyond a limit, as no file can on a full disk: the result has its room kept."""
    server = KnownServer(lambda _: Behaviour(content=300, thinking=0))
    shape: dict[str, Any] = {
        "input_len": 20,
        "output_len": 300,
        "num_prompts": 1_000,
        "max_concurrency": 16,
        "keep_chunks": True,
    }
    with serving(server):
        directory = RunDirectory.create(tmp_path, BenchSpec(base_url=server.url, **shape), {}, now=0)
        limit = (150_000, 150_000)
        process = subprocess.Popen(
            [sys.executable, "-m", "nemotui.load", directory.path],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )
        begun.append(process)
        assert process.wait(100) == 0
    result = directory.result()
    assert result["reason"] == "the run's directory took no more (No space left on device), so the run was ended"
    assert (result["complete"], result["interrupted"]) == (False, False)
    kept = list(directory.requests())
    assert 16 < len(kept) <= result["completed"] + result["cancelled"] < 1_000
    assert directory.status() == "finished"
    assert not (directory.path / ".reserve").exists()


def test_two_runs_at_once_on_one_server_are_both_whole_and_say_so(tmp_path: Path) -> None:
    server = KnownServer(lambda _: Behaviour(content=50, gap_s=0.02))
    with serving(server):
        runs = [start(tmp_path, server.url, label=name, num_prompts=4) for name in ("first", "second")]
        assert [process.wait(60) for _, process in runs] == [0, 0]
    results = [directory.result() for directory, _ in runs]
    assert [(result["completed"], result["complete"]) for result in results] == [(4, True)] * 2
    notes = " ".join(note for result in results for note in result["notes"])
    assert "other runs used this server meanwhile" in notes
    assert {name for result in results for name in result["beside"]} <= {directory.path.name for directory, _ in runs}
    assert any(result["beside"] for result in results)


def test_a_run_on_another_server_is_no_neighbour(tmp_path: Path) -> None:
    with serving(KnownServer(lambda _: Behaviour())) as one, serving(KnownServer(lambda _: Behaviour())) as two:
        runs = [start(tmp_path, url, label=url[-5:], num_prompts=2) for url in (one.url, two.url)]
        assert [process.wait(60) for _, process in runs] == [0, 0]
    assert not any("other runs" in note for directory, _ in runs for note in directory.result()["notes"])


def test_https_with_a_key(tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("NEMOTUI_API_KEY", "sk-very-secret")
    server = secure(certificate, lambda n: Behaviour(content=30, gap_s=0.002, breaks="reset" if n == 3 else None))
    with serving(server):
        directory, process = start(tmp_path, server.url, num_prompts=6, output_len=32, input_len=3000)
        assert process.wait(60) == 0
    result = directory.result()
    assert (result["completed"], result["errors"], result["total_output_tokens"]) == (5, {"reset": 1}, 5 * 32)
    assert (result["clock"]["source"], result["approximate_prompts"]) == ("kernel", None)
    assert all("Bearer sk-very-secret" in head for head in server.headers)
    assert all(len(record.token_us) == 32 for record in directory.requests() if record.failure is None)


def test_https_of_a_stranger(tmp_path: Path, certificate: Path) -> None:
    with serving(secure(certificate, lambda _: Behaviour())) as server:
        directory, process = start(tmp_path, server.url)
        assert process.wait(60) == 0
    error: dict[str, Any] = directory.result()["error"]
    assert error["kind"] == "no_server"
    assert "certificate verify failed" in error["message"].lower()
