"""The reader of a chat's stream: every shape of real captures and of hostile servers, split anywhere.

Nothing that arrived is lost, and what is wrong with it is told.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.adapters.chat_stream import ChatStream
from nemotui.core.chat import Reply, ToolCall
from nemotui.core.errors import FailedError
from nemotui.core.exchange import Sent
from nemotui.core.model_server import ChatChunk, Usage
from tests.adapters.raw_http import STOP, delta

SSE = Path(__file__).parent.parent / "fixtures" / "sse"
SENT = ChatChunk(at=0.0, seen=(Sent(at=0.0, method="POST", url="http://x", headers=(), body="{}", size=2),))


def events(*data: str, end: str = "\n\n") -> bytes:
    return "".join(f"data: {each}{end}" for each in data).encode()


def read(*pieces: bytes, whole: bool = False, broke: str = "") -> tuple[Reply, FailedError | None]:
    """The reply that these reads make, and what is told of it."""
    stream = ChatStream()
    reply = Reply(mode="full", sent_at=0.0).after(SENT)
    for at, piece in enumerate(pieces, 1):
        for chunk in stream.whole(piece, at) if whole else stream.feed(piece, at):
            reply = reply.after(chunk)
        if stream.over or stream.failed:
            break
    for chunk in stream.end(99.0, broke):
        reply = reply.after(chunk)
    try:
        stream.check()
    except FailedError as error:
        return reply, error
    return reply, None


def raw(reply: Reply) -> list[str]:
    assert reply.exchange is not None
    return [piece.text for piece in (*reply.exchange.head, *reply.exchange.tail)]


def timeless(reply: Reply) -> Reply:
    """The same reply whenever its pieces were read."""
    assert reply.exchange is not None
    head = tuple(replace(piece, at=0.0) for piece in reply.exchange.head)
    exchange = replace(reply.exchange, head=head)
    return replace(reply, exchange=exchange, first_token_at=None, first_answer_at=None, last_token_at=None)


STREAMS = {
    **{path.stem: path.read_bytes() for path in sorted(SSE.glob("vllm-0.32-*.txt")) if "messages" not in path.stem},
    "hostile": (
        b"\xef\xbb\xbf: keep-alive\r\n\r\nevent: message\r\nid: 7\r\n"
        + events(delta(reasoning="caf\u00e9 \u2014 "), delta(reasoning_content="\U0001d11e"), end="\r\n\r\n")
        + events(delta(content="\n\nan\u00a0answer"), "{not json", delta(content=" goes on \u2028"), end="\r\r")
        + b'data: {"choices": [{"delta":\ndata: {"content": "in two lines"}}]}\n\n'
        + b'data: {"choices": [{"delta": {"content": "\xff\xc3"}}]}\n\n'
        + events(STOP, '{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 9}}')
        + b"data: [DONE]"
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_however_it_is_split_it_is_the_same_reply(name: str, data: st.DataObject) -> None:
    stream = STREAMS[name]
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=30))
    pieces = [stream[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), len(stream)])]
    whole, told = read(stream)
    split, told_split = read(*pieces)
    assert timeless(split) == timeless(whole)
    assert str(told_split) == str(told)


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_it_is_the_same_reply(name: str) -> None:
    stream = STREAMS[name]
    assert timeless(read(*(bytes([b]) for b in stream))[0]) == timeless(read(stream)[0])


def test_a_real_tool_call_in_fragments_is_one_call() -> None:
    reply, told = read(STREAMS["vllm-0.32-tools"])
    assert told is None
    assert reply.tool_calls == (ToolCall(name="get_time", arguments='{"tz": "UTC"}'),)
    assert reply.finish_reason == "tool_calls"
    assert reply.usage == Usage(prompt_tokens=89, completion_tokens=56, reasoning_tokens=25)
    assert reply.reasoning.startswith("The user sent a message. I should think")


def test_a_real_reply_that_was_cut_while_thinking() -> None:
    reply, told = read(STREAMS["vllm-0.32-cut-in-thinking"])
    assert (told, reply.content, reply.finish_reason) == (None, "", "length")
    assert reply.reasoning


def test_of_a_hostile_stream_every_piece_is_there_and_every_fault_is_told() -> None:
    reply, told = read(STREAMS["hostile"])
    assert reply.reasoning == "caf\u00e9 \u2014 \U0001d11e"
    assert reply.content == "an\u00a0answer goes on in two lines\ufffd\ufffd"
    assert (reply.finish_reason, reply.usage and reply.usage.completion_tokens) == ("stop", 9)
    assert told is not None
    assert told.problem.kind == "malformed"
    assert "an event that is not one of a chat: the answer has a hole there" in told.problem.message
    assert reply.notes == ("2 bytes were not UTF-8, shown as \ufffd (in the inspector as \\xNN).",)
    assert raw(reply)[:4] == [": keep-alive", "event: message", "id: 7", delta(reasoning="caf\u00e9 \u2014 ")]
    assert raw(reply)[6:8] == ["{not json", delta(content=" goes on \u2028").replace("\u2028", "\\u2028")]
    assert raw(reply)[9] == '{"choices": [{"delta": {"content": "\\xff\\xc3"}}]}'
    assert raw(reply)[-1] == "[DONE]"


def test_half_a_character_costs_a_sign_and_not_the_event() -> None:
    cut = '{"choices":[{"delta":{"content":"a \\ud83d b \\ud83d\\ude00 \\\\ud83d"}}]}'
    reply, told = read(events(cut, STOP, "[DONE]"))
    assert (told, reply.content) == (None, "a \ufffd b \U0001f600 \\ud83d")
    assert reply.notes == ("Half a character came, shown as \ufffd (in the inspector as \\uNNNN).",)
    assert raw(reply)[0] == cut


@pytest.mark.parametrize(
    ("stream", "content", "kind", "words"),
    [
        pytest.param(events(delta(content="half")), "half", "early_end", "before the reply was finished", id="cut"),
        pytest.param(
            events(delta(content="half")) + b'data: {"choices": [{"delta": {"cont',
            "half",
            "early_end",
            "before the reply was finished",
            id="cut in an event",
        ),
        pytest.param(
            events(delta(content="half"), '{"error": {"message": "out of memory"}}', delta(content=" more")),
            "half more",
            "server_error",
            "the server broke off: out of memory",
            id="an error event, and what stands behind it",
        ),
        pytest.param(
            events('{"object": "error", "message": "gone"}', "[DONE]"),
            "",
            "server_error",
            "the server broke off: gone",
            id="an error of an older vLLM",
        ),
        pytest.param(
            events('{"choices": 7}', "7", "null", delta(content=3), STOP, "[DONE]"),
            "",
            "malformed",
            "4 events that are not one of a chat",
            id="other shapes",
        ),
        pytest.param(b"", "", "early_end", "before the reply was finished", id="nothing"),
        pytest.param(b"<html>\n\n", "", "early_end", "before the reply was finished", id="no events"),
    ],
)
def test_what_breaks_is_told_and_what_came_is_kept(stream: bytes, content: str, kind: str, words: str) -> None:
    reply, told = read(stream)
    assert reply.content == content
    assert told is not None
    assert told.problem.kind == kind
    assert words in told.problem.message


def test_a_connection_that_breaks_in_an_event_leaves_its_beginning_to_be_seen() -> None:
    reply, _ = read(events(delta(content="half")) + b'data: {"cho', broke="the connection broke")
    assert reply.content == "half"
    assert raw(reply)[-1] == '{"cho'
    assert reply.exchange is not None
    assert reply.exchange.ended is not None
    assert reply.exchange.ended.how == "the connection broke"


def test_no_done_is_told_and_nothing_is_missing() -> None:
    reply, told = read(events(delta(content="all"), STOP))
    assert (reply.content, reply.finish_reason, told) == ("all", "stop", None)
    assert reply.notes == ("The server ended the stream without [DONE].",)


def test_a_reply_without_finish_reason_is_told() -> None:
    reply, told = read(events(delta(content="all"), "[DONE]"))
    assert (reply.content, told) == ("all", None)
    assert reply.notes == ("The server gave no finish reason.",)


def test_an_event_of_ten_megabytes_is_taken_in() -> None:
    text = "ä" * 5_000_000
    stream = events(delta(content=text), delta(content="!"), STOP, "[DONE]")
    reply, told = read(*(stream[i : i + 65536] for i in range(0, len(stream), 65536)))
    assert told is None
    assert reply.content == text + "!"
    assert reply.exchange is not None
    assert reply.exchange.head[0].cut > 3_000_000


def test_an_event_without_end_is_told_and_what_came_before_is_kept() -> None:
    piece = b"x" * 1024 * 1024
    reply, told = read(events(delta(content="half")) + b"data: ", *[piece] * 40)
    assert reply.content == "half"
    assert told is not None
    assert "longer than" in told.problem.message
    assert raw(reply)[-1].startswith("xxx")


def test_several_calls_without_an_index_stay_apart() -> None:
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    reply, _ = read(events(delta(tool_calls=calls), STOP, "[DONE]"))
    assert [call.name for call in reply.tool_calls] == ["a", "b"]


def test_an_answer_that_is_no_stream_is_taken_in_and_told() -> None:
    message = {"role": "assistant", "content": "at once", "reasoning": "hm"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).encode()
    reply, told = read(body, whole=True)
    assert (reply.content, reply.reasoning, reply.finish_reason, told) == ("at once", "hm", "stop", None)
    assert reply.notes == ("The server sent the answer at once, not as a stream: its times say nothing of tokens.",)
    _, told = read(b'{"error": {"message": "no"}}', whole=True)
    assert told is not None
    assert told.problem.message == "the server broke off: no"
