"""POST /v1/messages: the same replies in Anthropic's shapes, as Claude Code asks for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemotui.sim import words
from nemotui.sim.api import Api, Generation, compact, event_stream, new_id
from nemotui.sim.chat import messages_of, modes, start
from nemotui.sim.model import Channel, render

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
Block = Literal["thinking", "text", "tool_use"]
_BLOCKS: Mapping[Channel, Block] = {
    "reasoning": "thinking",
    "content": "text",
    "tool_name": "tool_use",
    "tool_arguments": "tool_use",
}


class MessagesEndpoint:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, request: Request) -> Response:
        body = await self._api.body(request, "messages", "max_tokens")
        generation = start(self._api, as_chat(body))
        message: dict[str, Any] = {
            "id": new_id("chatcmpl"),
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": body.get("model") or self._api.settings.served_model_names[0],
        }
        if body.get("stream"):
            return event_stream(self._stream(generation, message))
        await generation.finished(request)
        return JSONResponse(
            {
                **message,
                "content": _content(generation),
                "stop_reason": _STOP_REASONS.get(generation.finish_reason, "end_turn"),
                "usage": _usage(generation),
            }
        )

    async def _stream(self, generation: Generation, message: dict[str, Any]) -> AsyncIterator[str]:
        usage = {"input_tokens": generation.prompt_tokens, "output_tokens": 0}
        opened: Block | None = None
        index = -1
        async for token, _ in generation.tokens():
            if generation.produced == 1:
                yield _event("message_start", message={**message, "stop_reason": None, "usage": usage})
            block = _BLOCKS.get(token.channel)
            if block is None:
                continue
            if block != opened:
                if opened is not None:
                    yield _event("content_block_stop", index=index)
                opened, index = block, index + 1
                yield _event("content_block_start", index=index, content_block=_start(block, token.text))
            if token.channel != "tool_name":
                yield _event("content_block_delta", index=index, delta=_delta(block, token.text))
        if opened is not None:
            yield _event("content_block_stop", index=index)
        reason = _STOP_REASONS.get(generation.finish_reason, "end_turn")
        yield _event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=_usage(generation))
        yield _event("message_stop")


class CountTokensEndpoint:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, request: Request) -> Response:
        chat = as_chat(await self._api.body(request, "messages"))
        thinking, _ = modes(chat)
        prompt = render(messages_of(chat), thinking=thinking, tools=chat.get("tools") or ())
        return JSONResponse({"input_tokens": words.count(prompt)})


def as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """An Anthropic request as the chat request that vLLM makes of it."""
    chat: dict[str, Any] = {"max_tokens": body.get("max_tokens"), "messages": []}
    if system := body.get("system"):
        chat["messages"].append({"role": "system", "content": system})
    for message in messages_of(body):
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        result = any(isinstance(p, dict) and p.get("type") == "tool_result" for p in parts)
        chat["messages"].append({"role": "tool" if result else message.get("role"), "content": content})
    if tools := body.get("tools"):
        chat["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.get("name"),
                    "description": tool.get("description"),
                    "parameters": tool.get("input_schema"),
                },
            }
            for tool in tools
            if isinstance(tool, dict)
        ]
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "disabled":
        chat["chat_template_kwargs"] = {"enable_thinking": False}
    elif thinking.get("budget_tokens"):
        chat["thinking_token_budget"] = thinking["budget_tokens"]
    return chat


def _content(generation: Generation) -> list[dict[str, Any]]:
    reply = generation.reply
    blocks: list[dict[str, Any]] = []
    if reasoning := reply.text("reasoning"):
        blocks.append({"type": "thinking", "thinking": reasoning, "signature": new_id("sig")})
    if text := reply.text("content"):
        blocks.append({"type": "text", "text": text})
    if name := reply.text("tool_name"):
        arguments = json.loads(reply.text("tool_arguments") or "{}") if generation.finish_reason != "length" else {}
        blocks.append({"type": "tool_use", "id": new_id("chatcmpl-tool"), "name": name, "input": arguments})
    return blocks


def _start(block: Block, text: str) -> dict[str, Any]:
    if block == "tool_use":
        return {"type": "tool_use", "id": new_id("chatcmpl-tool"), "name": text, "input": {}}
    return {"type": block, block: ""}


def _delta(block: Block, text: str) -> dict[str, Any]:
    if block == "tool_use":
        return {"type": "input_json_delta", "partial_json": text}
    return {"type": f"{block}_delta", block: text}


def _usage(generation: Generation) -> dict[str, int]:
    return {"input_tokens": generation.prompt_tokens, "output_tokens": generation.produced}


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {compact({'type': kind, **fields})}\n\n"
