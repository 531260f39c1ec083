"""`nemotui chat --show-exchange`: what went over the wire, also of a reply that broke."""

from __future__ import annotations

import json

from tests.adapters.raw_http import HOSTILE, raw_server, reply, sse
from tests.cli.conftest import Run

MODELS = reply(200, b'{"data": [{"id": "m"}]}')


def test_json_has_every_event_with_its_time(nemotui: Run) -> None:
    ran = nemotui("chat", "--demo", "--speed", "100", "--mode", "off", "--json", "--show-exchange", "hello")
    assert ran.code == 0
    exchange = ran.document["exchange"]
    assert exchange["request"]["method"] == "POST"
    assert '"content":"hello"' in exchange["request"]["body"]
    assert exchange["response"]["status"] == 200
    assert exchange["events"][-1]["text"] == "[DONE]"
    times = [event["at_ms"] for event in exchange["events"]]
    assert times == sorted(times)
    assert exchange["end"]["how"] == "[DONE]"
    assert "exchange" not in nemotui("chat", "--demo", "--speed", "100", "--json", "hello").document


def test_of_a_reply_that_broke_all_that_came_is_shown_on_standard_error(nemotui: Run) -> None:
    stream = sse(json.dumps({"choices": [{"delta": {"content": "half"}}]}), HOSTILE)
    with raw_server(lambda path: MODELS if path == "/v1/models" else stream) as url:
        ran = nemotui("chat", "--base-url", url, "--show-exchange", "hello")
    assert ran.code == 1
    assert ran.out.startswith("half")
    assert "POST " in ran.err
    assert "\\u001b]0;owned" in ran.err
    assert "\x1b" not in ran.err


def test_what_is_odd_is_told_without_being_asked(nemotui: Run) -> None:
    stream = sse('{"choices": [{"delta": {"content": "all"}, "finish_reason": "stop"}]}')
    with raw_server(lambda path: MODELS if path == "/v1/models" else stream) as url:
        ran = nemotui("chat", "--base-url", url, "hello")
    assert ran.code == 0
    assert "The server ended the stream without [DONE]." in ran.err
