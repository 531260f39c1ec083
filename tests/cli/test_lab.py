"""`nemotui lab` as a script sees it: a table or a document, failures of a column, files of prompts right and wrong."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.adapters.raw_http import HOSTILE, raw_server, reply, sse
from tests.cli.conftest import Run
from tests.cli.test_interrupt import start

ARGUMENT = HOSTILE.replace("\0", "")  # no system passes that one on
MODELS = reply(200, json.dumps({"data": [{"id": "m", "max_model_len": 4096}]}).encode())


def test_one_prompt_in_every_mode_as_a_document(nemotui: Run) -> None:
    ran = nemotui("lab", "--demo", "--speed", "50", "What is 17 * 23?", "--json")
    assert ran.code == 0
    document = ran.document
    assert (document["settings"], document["complete"], document["error"]) == (["full", "low", "off"], True, None)
    (row,) = document["rows"]
    full, low, off = row["answers"]
    assert [a["content"] for a in (full, low, off)] == ["391"] * 3
    assert full["thinking_tokens"] > low["thinking_tokens"] > off["thinking_tokens"] == 0
    assert all(a["e2el_ms"] >= a["ttfa_ms"] >= a["ttft_ms"] > 0 for a in (full, low, off))
    assert (full["differs"], low["differs"], off["differs"]) == (None, 0, 0)
    assert document["price_per_hour_usd"] is None  # on scaled time nothing costs anything


def test_a_budget_is_kept_and_the_price_of_the_machine_makes_a_cost(nemotui: Run) -> None:
    args = ("lab", "--demo", "-s", "full,budget=9,max_tokens=40", "-s", "off,max_tokens=9", "Tell me a story", "--json")
    document = nemotui(*args, env={"NEMOTUI_PRICE_PER_HOUR": "36"}).document
    capped, off = document["rows"][0]["answers"]
    assert capped["thinking_tokens"] <= 9
    assert off["finish_reason"] == "length"
    assert off["cost_usd"] == pytest.approx(off["e2el_ms"] / 1e3 * 0.01)


def test_a_table_and_the_differences_for_people(nemotui: Run) -> None:
    ran = nemotui("lab", "--demo", "--speed", "50", "Tell me a story")
    assert ran.code == 0
    assert "SETTING  THOUGHT  ANSWER  TTFT ms" in ran.out
    assert "low beside full: thinking tokens -" in ran.out
    assert "-- off, beside full: another answer: " in ran.out
    assert "Time ran 50 times faster" in " ".join(ran.out.split())


def test_what_ships_is_asked_where_nothing_is_given_and_is_kept_where_that_is_wished(nemotui: Run, state: Path) -> None:
    ran = nemotui("lab", "--demo", "--speed", "200", "-s", "low", "-s", "off", "--save", "--json")
    assert ran.code == 0
    assert len(ran.document["rows"]) == 8
    (kept,) = (state / "demo" / "lab").iterdir()
    assert ran.document["saved"] == str(kept)
    assert json.loads((kept / "lab.json").read_text())["rows"] == ran.document["rows"]
    assert (kept / "lab.md").read_text().startswith("# Lab: nemotron-super")


def test_a_file_of_prompts_several_times(nemotui: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"name": "capital", "prompt": "What is the capital of Norway?"}\n{"prompt": "Is 7 prime?"}\n')
    ran = nemotui("lab", "--demo", "--speed", "100", "--prompts", str(file), "--repeat", "2", "-s", "off", "--json")
    rows = ran.document["rows"]
    assert [(r["name"], r["repetition"]) for r in rows] == [
        *(("capital", 1), ("capital", 2)),
        *(("Is 7 prime?", 1), ("Is 7 prime?", 2)),
    ]
    assert [r["answers"][0]["content"] for r in rows] == ["Oslo", "Oslo", "Yes", "Yes"]
    assert ran.document["means"][0]["answers"] == "4 ok"


@pytest.mark.parametrize(
    "args",
    [
        ("--settings", "loud", "hi"),
        ("--settings", "off,temperature=nan", "hi"),
        ("--prompts", "/nowhere/at/all"),
        ("--prompts", "/dev/zero"),
        ("--prompts", "."),
        ("--prompts", "builtin", "hi"),
        ("--repeat", "0", "hi"),
        ("",),
        ("--settings", f"off,{ARGUMENT}", "hi"),
    ],
)
def test_what_is_wrong_is_one_line_before_any_server_is_asked(nemotui: Run, args: tuple[str, ...]) -> None:
    ran = nemotui("lab", "--base-url", "http://127.0.0.1:9", *args, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("nemotui: ")
    assert ran.err.count("\n") == 1


def test_no_server(nemotui: Run) -> None:
    for model in ((), ("--model", "m")):  # with a name nobody asks for it first
        ran = nemotui("lab", "hi", *model, "--json")
        assert ran.code == 3
        assert ran.document["error"]["kind"] == "no_server"


def test_hostile_answers_are_plain_text_and_a_broken_one_fails_alone(nemotui: Run) -> None:
    good = json.dumps({"choices": [{"delta": {"content": HOSTILE}, "finish_reason": "stop"}]})
    answers = [sse(good, "[DONE]"), reply(400, json.dumps({"error": {"message": HOSTILE}}).encode())]
    asked: list[str] = []

    def answer(path: str) -> bytes:
        if path == "/v1/models":
            return MODELS
        asked.append(path)
        return answers[len(asked) % 2]

    with raw_server(answer) as url:
        ran = nemotui("lab", ARGUMENT, "--base-url", url, "-s", "full", "-s", "off", "--json")
        assert ran.code == 1
        assert ran.document["error"]["kind"] == "answers_failed"
        assert sorted(a["status"] for a in ran.document["rows"][0]["answers"]) == ["failed", "ok"]
        ran = nemotui("lab", ARGUMENT, "--base-url", url, "-s", "full", "-s", "off", "--save")
        assert ran.code == 1
        assert "http 400" in ran.out


def test_ctrl_c_keeps_what_came(environment: dict[str, str], tmp_path: Path) -> None:
    with start(environment, tmp_path, "lab", "--demo", "-s", "low", "--json") as process:
        assert process.stderr is not None
        while "low" not in process.stderr.readline():
            pass  # until the first prompt's table stands there
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    document = json.loads(out)
    assert (process.returncode, document["error"]["kind"]) == (130, "interrupted")
    assert document["rows"][0]["answers"][0]["status"] == "ok"
    assert not document["complete"]
    assert "Traceback" not in err
