"""A server, a machine file and a run directory that mean harm: whatever they say, it arrives as plain text.

The fixture `nemotui` holds that no control character reaches standard output or standard error.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters.raw_http import HOSTILE, HOSTILE_PLAIN, raw_server, reply, sse
from tests.cli.conftest import SMALL_BENCH, Run


def hostile_server(path: str) -> bytes:
    """Every reply of vLLM's, and hostile text in each of its strings."""
    if path == "/v1/models":
        return reply(200, json.dumps({"data": [{"id": HOSTILE, "root": HOSTILE, "max_model_len": 4096}]}).encode())
    if path == "/version":
        return reply(200, json.dumps({"version": HOSTILE}).encode())
    if path == "/v1/chat/completions":
        delta = {"reasoning": HOSTILE, "content": HOSTILE}
        chunk = {"choices": [{"delta": delta, "finish_reason": HOSTILE}]}
        return sse(json.dumps(chunk), "[DONE]")
    return reply(200, HOSTILE.encode())


def failing_server(path: str) -> bytes:
    """Lists a model and answers everything else with an error in hostile words."""
    if path == "/v1/models":
        return hostile_server(path)
    return reply(500, json.dumps({"error": {"message": HOSTILE}}).encode())


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_hostile_servers_status(nemotui: Run, as_json: tuple[str, ...]) -> None:
    with raw_server(hostile_server) as url:
        ran = nemotui("status", "--base-url", url, *as_json)
    assert ran.code == 0
    assert HOSTILE_PLAIN in ran.out


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_hostile_answer(nemotui: Run, as_json: tuple[str, ...]) -> None:
    with raw_server(hostile_server) as url:
        ran = nemotui("chat", "--base-url", url, *as_json, "hi")
    assert ran.code == 0
    assert HOSTILE_PLAIN in ran.out
    assert HOSTILE_PLAIN in (ran.out if as_json else ran.err)


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_hostile_words_of_an_error(nemotui: Run, as_json: tuple[str, ...]) -> None:
    with raw_server(failing_server) as url:
        chat = nemotui("chat", "--base-url", url, *as_json, "hi")
        bench = nemotui("bench", "--base-url", url, *as_json, *SMALL_BENCH)
    assert (chat.code, bench.code) == (1, 1)
    assert HOSTILE_PLAIN in chat.out + chat.err


def test_a_hostile_servers_benchmark(nemotui: Run) -> None:
    with raw_server(hostile_server) as url:
        ran = nemotui("bench", "--base-url", url, "--json", *SMALL_BENCH)
    result = ran.lines[-1]
    assert (ran.code, result["event"], result["completed"], result["error"]) == (0, "result", 4, None)


def test_a_hostile_machine_file(nemotui: Run, tmp_path: Path) -> None:
    machine = nemotui("gpus", "--demo", "--json").document
    machine["gpus"][0] |= {"name": HOSTILE, "state": "error", "state_reason": HOSTILE}
    machine["gpus"][0]["processes"] = [{"pid": 1, "name": HOSTILE, "user": HOSTILE, "memory_bytes": 1}]
    machine["host"]["hostname"] = HOSTILE
    path = tmp_path / "box.json"
    path.write_text(json.dumps(machine))
    for args in (("gpus",), ("gpus", "--json"), ("recommend",), ("recommend", "--json")):
        ran = nemotui(*args, "--machine", str(path))
        assert HOSTILE_PLAIN in ran.out
        assert not set("\x1b\x9b\x07\u202e") & set(ran.out + ran.err)


def test_a_hostile_run_directory(nemotui: Run) -> None:
    run = Path(nemotui("bench", "--demo", "--speed", "20", "--json", *SMALL_BENCH).lines[-1]["run"])
    result = json.loads((run / "result.json").read_text())
    result |= {"complete": False, "reason": HOSTILE, "errors": {HOSTILE: 1}}
    result["clock"]["notes"] = [HOSTILE]
    (run / "result.json").write_text(json.dumps(result))
    for as_json in ((), ("--json",)):
        ran = nemotui("bench", "--attach", str(run), *as_json)
        assert ran.code == 1
        assert HOSTILE_PLAIN in ran.out
