"""`nemotui verify` as a script sees it: a sound pretend server, one with a fault, none, and hostile ones."""

from __future__ import annotations

import json

import pytest

from nemotui.core.verify import CHECKS
from tests.adapters.raw_http import HOSTILE, raw_server, reply, sse
from tests.cli.conftest import Run

MODELS = reply(200, json.dumps({"data": [{"id": "m", "max_model_len": 4096}]}).encode())
FIELDS = {"name", "status", "sent", "found", "means", "fix"}


def test_a_sound_server(nemotui: Run) -> None:
    ran = nemotui("verify", "--demo", "--speed", "100", "--json")
    assert ran.code == 0
    document = ran.document
    assert (document["ok"], document["error"]) == (True, None)
    assert {check["status"] for check in document["checks"]} == {"ok"}
    assert all(check.keys() == FIELDS for check in document["checks"])


def test_a_sound_server_is_sound_where_nothing_can_be_kept(nemotui: Run) -> None:
    ran = nemotui("verify", "--demo", "--speed", "100", env={"NEMOTUI_STATE_DIR": "/proc/none"})
    assert ran.code == 0
    assert "verified.json cannot be written" in ran.err


def test_a_fault_is_an_exit_code_of_1_and_a_fix(nemotui: Run) -> None:
    ran = nemotui("verify", "--demo", "--speed", "100", env={"NEMOTUI_SIM_FAULT": "no-reasoning-parser"})
    assert ran.code == 1
    assert "FAIL  thinking-apart" in ran.out
    assert "--reasoning-parser nemotron_v3" in ran.out
    assert "means: " in ran.out
    assert ran.err.startswith("nemotui: ")
    assert max(map(len, ran.out.splitlines())) <= 80


def test_an_unknown_fault_is_told_with_those_that_there_are(nemotui: Run) -> None:
    ran = nemotui("simulate", "--fault", "gremlins")
    assert ran.code == 2
    assert "ignored-budget" in ran.err


def test_a_check_that_is_left_out_sends_nothing_and_is_said(nemotui: Run) -> None:
    args = ("verify", "--demo", "--speed", "100", "--json", "--skip", "long-input", "--skip", "over-long-input")
    ran = nemotui(*args, env={"NEMOTUI_VERIFY_SKIP": "usage"})
    assert ran.code == 0
    skipped = {check["name"]: check for check in ran.document["checks"] if check["status"] == "skipped"}
    assert skipped.keys() == {"long-input", "over-long-input"}  # the flag is before the variable
    assert all((check["sent"], check["found"]) == ("", "left out, as was asked") for check in skipped.values())


@pytest.mark.parametrize("verb", ["verify", "up"])
def test_a_check_that_is_none_is_said_before_anything_is_done(nemotui: Run, verb: str) -> None:
    ran = nemotui(verb, "--demo", "--skip", "gremlins")
    assert ran.code == 2
    assert "no check is called 'gremlins'" in ran.err
    assert "messages-streamed" in ran.err
    assert not ran.out


def test_the_help_names_every_check(nemotui: Run) -> None:
    words = "".join(nemotui("verify", "--help").out.split())  # a name may be broken at its hyphen
    assert all(name in words for name in CHECKS)


def test_no_server(nemotui: Run) -> None:
    ran = nemotui("verify", "--json")
    assert ran.code == 3
    assert ran.document["ok"] is False
    assert ran.document["checks"] == []
    assert ran.document["error"]["kind"] == "no_server"


def test_a_model_that_is_not_served(nemotui: Run) -> None:
    ran = nemotui("verify", "--demo", "--speed", "100", "--model", "gpt-5", "--json")
    assert ran.code == 1
    assert [(check["name"], check["status"]) for check in ran.document["checks"]] == [("served-name", "fail")]


@pytest.mark.parametrize(
    "whole",
    [
        {},
        [],
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"message": 7, "finish_reason": []}], "usage": []},
        {
            "choices": [
                {"message": {"content": HOSTILE, "reasoning": HOSTILE, "tool_calls": [1, {"function": HOSTILE}]}}
            ]
        },
        {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -5, "completion_tokens": 10**30}},
        {"error": {"message": HOSTILE}},
        HOSTILE,
    ],
)
def test_hostile_replies_fail_checks_and_nothing_else(nemotui: Run, whole: object) -> None:
    stream = sse(json.dumps({"choices": [{"delta": {"content": HOSTILE}, "finish_reason": HOSTILE}]}), "[DONE]")
    body = json.dumps(whole).encode()

    def answer(path: str) -> bytes | None:
        return MODELS if path == "/v1/models" else reply(200, body)

    with raw_server(answer) as url:
        ran = nemotui("verify", "--base-url", url, "--json")
    assert ran.code == 1
    assert not ran.document["ok"]
    with raw_server(lambda path: MODELS if path == "/v1/models" else stream) as url:
        ran = nemotui("verify", "--base-url", url)
    assert ran.code == 1


def test_a_server_that_goes_away_after_its_name(nemotui: Run) -> None:
    with raw_server(lambda path: MODELS if path == "/v1/models" else None) as url:
        ran = nemotui("verify", "--base-url", url, "--json")
    assert ran.code == 1
    assert [check["status"] for check in ran.document["checks"]] == ["fail"]
