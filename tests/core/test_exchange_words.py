"""An exchange in words: times and gaps, the gist of an event, the whole of it, curl."""

from __future__ import annotations

import subprocess

import pytest

from nemotui.core.connect import curl_again
from nemotui.core.errors import UsageError
from nemotui.core.exchange import HIDDEN, Answered, Ended, Exchange, Received, Sent, followed
from nemotui.core.exchange_words import Dropped, as_json, gist, lines, summary, whole

SENT = Sent(
    at=10.0,
    method="POST",
    url="http://box:8000/v1/chat/completions",
    headers=(("content-type", "application/json"), ("Authorization", f"Bearer {HIDDEN}")),
    body='{"messages":[{"role":"user","content":"it\'s $HOME"}]}',
    size=52,
)
ANSWERED = Answered(at=10.05, status=200, reason="OK", headers=(("Content-Type", "text/event-stream"),))


def event(text: str, at: float = 10.1) -> Received:
    return Received(at=at, text=text, size=len(text))


def made(*seen: Received | Ended) -> Exchange:
    exchange = followed(None, (SENT, ANSWERED, *seen))
    assert exchange is not None
    return exchange


def test_each_piece_has_its_time_and_the_gap_before_it() -> None:
    exchange = made(event("a", 10.1), event("b", 10.13), Ended(at=10.2, how="[DONE]"))
    assert [(line.number, round(line.at_ms or 0), line.gap_ms and round(line.gap_ms)) for line in lines(exchange)] == [
        (None, 0, None),
        (None, 50, 50),
        (1, 100, 50),
        (2, 130, 30),
        (None, 200, 70),
    ]
    assert summary(exchange) == "200 OK · 2 events, the first after 100 ms · one in 30.0 ms · [DONE]"


def test_beside_what_is_not_kept_no_gap_is_known() -> None:
    exchange = Exchange(
        sent=SENT, head=(event("a"),), dropped=7, dropped_characters=900, tail=(event("b", 11), event("c", 11.5))
    )
    middle, *rest = lines(exchange)[2:]
    assert middle.piece == Dropped(count=7, characters=900)
    assert gist(middle.piece) == "7 events, 900 characters, are not kept"
    assert [(line.number, line.gap_ms) for line in rest] == [(9, None), (10, 500.0)]
    assert "7 not kept" in summary(exchange)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}', 'role "assistant"'),
        ('{"choices":[{"delta":{"reasoning":" h\\n"}}]}', 'reasoning " h\\n"'),
        ('{"choices":[{"delta":{},"finish_reason":"stop"}]}', 'finish_reason "stop"'),
        ('{"choices":[],"usage":{"prompt_tokens":3}}', 'usage {"prompt_tokens": 3}'),
        ('{"error":{"message":"gone"}}', 'error {"message": "gone"}'),
        ('{"choices":[{"delta":{}}]}', '{"choices":[{"delta":{}}]}'),
        ('{"choices":[7],"usage":3}', "usage 3"),
        ("[1]", "[1]"),
        ("[DONE]", "[DONE]"),
        ("{not\njson", "not JSON: {not⏎json"),
    ],
)
def test_the_gist_of_an_event_is_what_it_brings(text: str, words: str) -> None:
    assert gist(event(text)) == words


def test_the_gist_of_the_rest() -> None:
    assert gist(SENT) == "POST /v1/chat/completions, 52 characters"
    assert gist(ANSWERED) == "200 OK · text/event-stream"
    assert gist(Received(at=1, text=": ping", size=6, kind="line")) == ": ping"
    assert gist(event("x" * 10_000)).endswith("x…")


def test_the_whole_of_a_piece_is_all_that_is_kept() -> None:
    assert whole(SENT, raw=True) == (
        f"POST {SENT.url}\ncontent-type: application/json\nAuthorization: Bearer {HIDDEN}\n\n{SENT.body}"
    )
    assert '\n      "role": "user"' in whole(SENT, raw=False)
    assert whole(event('{"a":1}'), raw=True) == '{"a":1}'
    assert whole(event('{"a":1}'), raw=False) == '{\n  "a": 1\n}'
    assert whole(event("{not json"), raw=False) == "{not json"
    cut = Received(at=1, text="xx", size=1002)
    assert whole(cut, raw=True) == "xx\n\n… 1,000 more characters came and are not kept."


def test_as_json_has_every_event_with_its_times() -> None:
    document = as_json(made(event("a"), Ended(at=10.2, how="[DONE]", notes=("Odd.",))))
    assert document["request"]["body"] == SENT.body
    assert document["response"]["status"] == 200
    assert [(e["number"], e["text"], round(e["at_ms"]), round(e["gap_ms"])) for e in document["events"]] == [
        (1, "a", 100, 50)
    ]
    assert (document["end"]["how"], document["notes"]) == ("[DONE]", ["Odd."])
    assert as_json(Exchange(sent=SENT))["response"] is None


def test_curl_asks_the_same_again_with_the_key_by_file() -> None:
    text = curl_again(SENT, "$(cat 'the key')")
    assert "\"$(cat 'the key')\"" in text
    assert HIDDEN not in text
    ran = subprocess.run(["bash", "-n", "-c", text], check=False, capture_output=True)
    assert (ran.returncode, ran.stderr) == (0, b"")
    said = subprocess.run(
        ["bash", "-c", f"curl() {{ cat; }}\n{text}"], check=True, capture_output=True, text=True
    ).stdout
    assert said == SENT.body + "\n"


def test_without_a_key_none_is_asked_for() -> None:
    sent = Sent(at=0, method="POST", url="http://x", headers=(), body="{}", size=2)
    assert "Authorization" not in curl_again(sent, None)
    assert "$NEMOTUI_API_KEY" in curl_again(SENT, None)


def test_a_request_that_is_not_kept_whole_is_not_copied() -> None:
    with pytest.raises(UsageError, match="not kept whole"):
        curl_again(Sent(at=0, method="POST", url="http://x", headers=(), body="{}", size=3), None)
