"""Modes as request bodies; a reply and its times from chunks with known times."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import pytest

from nemotui.core.chat import Message, Mode, Sampling, chat_body, reply
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics, ToolCallDelta, Usage

pytestmark = pytest.mark.anyio

HELLO = [Message(role="user", content="hello")]


@pytest.mark.parametrize(
    ("mode", "kwargs"),
    [
        ("full", {"enable_thinking": True}),
        ("low", {"enable_thinking": True, "low_effort": True}),
        ("off", {"enable_thinking": False}),
    ],
)
async def test_the_mode_goes_into_the_template(mode: Mode, kwargs: dict[str, bool]) -> None:
    body = chat_body("nemotron-super", HELLO, mode, Sampling())
    assert body["chat_template_kwargs"] == kwargs
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert (body["temperature"], body["top_p"]) == (1.0, 0.95)
    assert body["stream_options"] == {"include_usage": True}
    assert "reasoning_effort" not in body
    assert not {"max_tokens", "seed", "thinking_token_budget"} & body.keys()


def test_limits_that_were_set_are_sent() -> None:
    sampling = Sampling(max_tokens=64, seed=0, thinking_token_budget=0)
    body = chat_body("m", HELLO, "full", sampling)
    assert (body["max_tokens"], body["seed"], body["thinking_token_budget"]) == (64, 0, 0)


class Scripted:
    """A server that says what it is told to; its clock stands at 100 s when the request goes out."""

    base_url = "http://scripted"

    def __init__(self, *chunks: ChatChunk) -> None:
        self.chunks = chunks

    def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        raise NotImplementedError

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        for chunk in self.chunks:
            yield chunk

    async def healthy(self) -> bool:
        return True

    async def models(self) -> Sequence[ServedModel]:
        return []

    async def version(self) -> str | None:
        return None

    async def metrics(self) -> ServerMetrics:
        return ServerMetrics()

    async def close(self) -> None: ...

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 100.0

    async def sleep(self, seconds: float) -> None: ...


async def test_times_are_counted_on_token_chunks_only() -> None:
    server = Scripted(
        ChatChunk(at=100.1),  # the role chunk
        ChatChunk(at=100.5, reasoning="Let me "),
        ChatChunk(at=100.6, reasoning="think."),
        ChatChunk(at=100.8, content="\n\nHi"),
        ChatChunk(at=101.1, content=" there"),
        ChatChunk(at=101.2, finish_reason="stop"),
        ChatChunk(at=101.3, usage=Usage(prompt_tokens=3, completion_tokens=7, reasoning_tokens=3)),
    )
    deltas = [delta async for delta in reply(server, "m", HELLO, "full", Sampling(), server)]
    said = deltas[-1].reply
    assert said.reasoning == "Let me think."
    assert said.content == "Hi there"
    assert "".join(d.content for d in deltas) == "Hi there"
    assert "".join(d.reasoning for d in deltas) == "Let me think."
    assert said.finish_reason == "stop"
    assert said.ttft_ms == pytest.approx(500)
    assert said.ttfa_ms == pytest.approx(800)
    assert said.mean_itl_ms == pytest.approx((101.1 - 100.5) * 1000 / 3)
    assert said.tokens_per_second == pytest.approx(6 / 0.6)
    assert said.as_json()["usage"] == {"prompt_tokens": 3, "completion_tokens": 7, "reasoning_tokens": 3}


async def test_tool_calls_are_put_together_from_fragments() -> None:
    server = Scripted(
        ChatChunk(at=100.2, tool_calls=(ToolCallDelta(index=0, name="get_time"),)),
        ChatChunk(at=100.3, tool_calls=(ToolCallDelta(index=0, arguments='{"tz": '),)),
        ChatChunk(at=100.4, tool_calls=(ToolCallDelta(index=0, arguments='"UTC"}'), ToolCallDelta(index=1, name="x"))),
        ChatChunk(at=100.5, finish_reason="tool_calls"),
    )
    said = [delta async for delta in reply(server, "m", HELLO, "off", Sampling(), server)][-1].reply
    assert [(c.name, c.arguments) for c in said.tool_calls] == [("get_time", '{"tz": "UTC"}'), ("x", "")]
    assert said.ttfa_ms == pytest.approx(200)
    assert said.as_json()["usage"] is None
    assert said.tokens_per_second is None


async def test_a_reply_without_a_token_has_no_times() -> None:
    server = Scripted(ChatChunk(at=100.1), ChatChunk(at=100.2, finish_reason="stop"))
    said = [delta async for delta in reply(server, "m", HELLO, "off", Sampling(), server)][-1].reply
    assert (said.ttft_ms, said.ttfa_ms, said.mean_itl_ms) == (None, None, None)
