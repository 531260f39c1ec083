"""The trust checks as questions: what is left out is not asked, what several look at is asked once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics, Usage
from nemotui.core.sse import SseDecoder
from nemotui.core.verify import CHECKS, left_out, verify
from nemotui.core.verify_messages import assembled, judge_stream

pytestmark = pytest.mark.anyio

SSE = Path(__file__).parent.parent / "fixtures" / "sse"


@dataclass
class Asked:
    """A server that answers everything with 42, and notes what it was asked."""

    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    fails: bool = False
    dies_after: int | None = None  # requests

    base_url: str = "http://asked"

    async def healthy(self) -> bool:
        return True

    async def models(self) -> Sequence[ServedModel]:
        self._live()
        return [ServedModel(id="m", max_model_len=4096)]

    async def version(self) -> str | None:
        return None

    async def metrics(self) -> ServerMetrics:
        return ServerMetrics()

    def _live(self) -> None:
        if self.dies_after is not None and len(self.bodies) > self.dies_after:
            raise NothingThereError("no_server", "no server answers at http://asked", "Start one.")

    def _note(self, body: Mapping[str, Any]) -> None:
        self.bodies.append(body)
        self._live()
        if self.fails:
            raise FailedError("http_500", "the server answers HTTP 500: broken", "See `nemotui logs`.")

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        self._note(body)
        yield ChatChunk(at=1.0, content="42", usage=Usage(prompt_tokens=9, completion_tokens=1), finish_reason="stop")

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._note(body)
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        return {"choices": [{"message": {"content": "42"}, "finish_reason": "stop"}], "usage": usage}

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        self._note(body)
        yield {"type": "message_start"}

    async def close(self) -> None:
        return None


async def found(server: Asked, *skip: str) -> dict[str, str]:
    return {check.name: check.status async for check in verify(server, "m", skip)}


async def test_every_check_comes_in_its_order() -> None:
    assert tuple(await found(Asked())) == CHECKS


async def test_of_what_is_left_out_nothing_is_sent() -> None:
    server = Asked()
    statuses = await found(server, *CHECKS)
    assert statuses == dict.fromkeys(CHECKS, "skipped")
    assert server.bodies == []


@pytest.mark.parametrize(
    ("only", "requests"), [("streaming", 2), ("usage", 2), ("thinking-off", 4), ("thinking-low", 8), ("tool-call", 1)]
)
async def test_one_check_alone_asks_only_what_it_needs(only: str, requests: int) -> None:
    server = Asked()
    await found(server, *(name for name in CHECKS if name != only))
    assert len(server.bodies) == requests


async def test_an_answer_that_several_look_at_is_asked_for_once_also_where_it_fails() -> None:
    server = Asked(fails=True)
    statuses = await found(server, *(name for name in CHECKS if name not in ("streaming", "usage")))
    assert (statuses["streaming"], statuses["usage"]) == ("fail", "fail")
    assert len(server.bodies) == 2  # streamed for the one, whole for the other


async def test_of_a_server_that_dies_one_check_fails_and_the_rest_is_skipped() -> None:
    server = Asked(dies_after=2)
    statuses = await found(server)
    assert statuses == {
        **dict.fromkeys(CHECKS, "skipped"),
        "served-name": "ok",
        "streaming": "ok",
        "repeatable": "fail",
    } | {"usage": statuses["usage"]}
    assert statuses["usage"] != "skipped"  # it looks at what had come
    assert len(server.bodies) == 3


def test_names_of_checks_are_read_from_a_list() -> None:
    assert left_out(None) == frozenset()
    assert left_out(" long-input, usage,") == {"long-input", "usage"}
    with pytest.raises(UsageError, match="no check is called 'x'"):
        left_out("usage,x")


def messages() -> list[dict[str, Any]]:
    """What a real vLLM streams for /v1/messages."""
    decoder = SseDecoder()
    data = decoder.feed((SSE / "vllm-0.32-messages.txt").read_bytes())
    return [msgspec.json.decode(event) for event in (*data, *decoder.end())]


def test_a_real_stream_of_messages_is_a_message() -> None:
    message = assembled(messages())
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]
    assert message["content"][1]["text"].strip().startswith("Hello! I am a tiny test model.")
    assert (message["stop_reason"], message["usage"]) == ("end_turn", {"input_tokens": 16, "output_tokens": 67})
    verdict = judge_stream(messages())
    assert verdict.status == "ok"
    assert verdict.found == "70 events: blocks of thinking and text, end_turn"


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([], "no event came"),
        (messages()[1:], "begins with content_block_start"),
        (messages()[:-1], "ends with message_delta"),
        ([messages()[0], *messages()[2:]], "for a block that is not open"),
        ([messages()[0], messages()[-1]], "a reply without a text and a stop_reason"),
        ([messages()[0], {"type": "error", "error": {"message": "gone"}}], "the server broke off: gone"),
        ([{"type": ["x"], "index": []}, {}], "begins with ['x']"),
    ],
)
def test_a_stream_that_is_none_is_told(events: list[dict[str, Any]], found: str) -> None:
    verdict = judge_stream(events)
    assert verdict.status == "fail"
    assert found in verdict.found
    assert verdict.means
    assert verdict.fix


def test_a_hostile_stream_assembles_to_something() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "message_start", "message": 7},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": []}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": {}}},
        {"type": "message_delta", "delta": [], "usage": "many"},
        {"type": "message_stop"},
    ]
    assert judge_stream(odd).status == "fail"
