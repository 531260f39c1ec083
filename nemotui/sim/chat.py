"""POST /v1/chat/completions: thinking, answer and tool calls, whole or streamed, in the shapes of vLLM 0.32."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemotui.sim.api import Api, ApiError, Generation, compact, event_stream, new_id
from nemotui.sim.knowledge import answer
from nemotui.sim.model import Token, render, text_of

_SHORT_QUESTION = 400  # characters; longer prompts are not searched for one


class ChatEndpoint:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, request: Request) -> Response:
        body = await self._api.body(request, "messages")
        generation = start(self._api, body)
        model = body.get("model") or self._api.settings.served_model_names[0]
        if body.get("stream"):
            options = body.get("stream_options") or {}
            return event_stream(
                self._stream(
                    generation,
                    model,
                    include_usage=bool(options.get("include_usage")),
                    continuous=bool(options.get("continuous_usage_stats")),
                    include_reasoning=body.get("include_reasoning") is not False,
                )
            )
        await generation.finished(request)
        return JSONResponse(self._whole(generation, model))

    def _whole(self, generation: Generation, model: str) -> dict[str, Any]:
        reply = generation.reply
        message: dict[str, Any] = {
            "role": "assistant",
            "content": reply.text("content") or None,
            "refusal": None,
            "annotations": None,
            "audio": None,
            "function_call": None,
            "reasoning": reply.text("reasoning") or None,
        }
        if name := reply.text("tool_name"):
            function = {"name": name, "arguments": reply.text("tool_arguments")}
            message["tool_calls"] = [{"id": new_id("chatcmpl-tool"), "type": "function", "function": function}]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": generation.finish_reason,
            "stop_reason": None,
        }
        return {
            "id": new_id("chatcmpl"),
            "object": "chat.completion",
            "created": generation.created,
            "model": model,
            "choices": [choice],
            "service_tier": None,
            "system_fingerprint": self._api.fingerprint,
            "usage": {**self._usage(generation), "prompt_tokens_details": None},
        }

    async def _stream(
        self, generation: Generation, model: str, *, include_usage: bool, continuous: bool, include_reasoning: bool
    ) -> AsyncIterator[str]:
        head = compact(
            {
                "id": new_id("chatcmpl"),
                "object": "chat.completion.chunk",
                "created": generation.created,
                "model": model,
            }
        )[:-1]
        call_id = new_id("chatcmpl-tool")

        def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
            # Written by hand around the one part that varies: this runs once a token for every stream.
            usage = f',"usage":{compact(self._usage(generation))}' if continuous else ""
            return (
                f'data: {head},"choices":[{{"index":0,"delta":{compact(delta)},"logprobs":null,'
                f'"finish_reason":{compact(finish_reason)}}}]{usage}}}\n\n'
            )

        # vLLM sends the role when the first token is there, not before.
        role: str | None = chunk({"role": "assistant", "content": ""})
        ended = False
        async for token, last in generation.tokens():
            if role is not None:
                yield role
                role = None
            delta = _delta(token, call_id)
            if token.channel == "reasoning" and not include_reasoning:
                delta = {}
            ended = last and generation.finish_reason == "length"
            if delta or ended:
                yield chunk(delta, "length" if ended else None)
        if not ended:
            yield chunk({}, generation.finish_reason)
        if include_usage:
            usage = compact(self._usage(generation))
            fingerprint = compact(self._api.fingerprint)
            yield f'data: {head},"choices":[],"usage":{usage},"system_fingerprint":{fingerprint}}}\n\n'
        yield "data: [DONE]\n\n"

    def _usage(self, generation: Generation) -> dict[str, Any]:
        usage = generation.usage()
        if self._api.settings.reasoning_parser:
            usage["completion_tokens_details"] = {"reasoning_tokens": generation.reasoning_produced}
        return usage


def start(api: Api, body: Mapping[str, Any]) -> Generation:
    """Put a chat request into the engine, its modes obeyed."""
    thinking, low_effort = modes(body)
    messages = messages_of(body)
    tools = [t for t in body.get("tools") or () if isinstance(t, dict)]
    return api.generate(
        body,
        render(messages, thinking=thinking, tools=tools),
        thinking=thinking,
        low_effort=low_effort,
        tool=_tool(api, body, messages, tools),
        answer=_answer(messages[-1]),
        reasoning_parser=api.settings.reasoning_parser,
    )


def _answer(last: Mapping[str, Any]) -> str | None:
    """What is known: the answer to a short question, or what a tool has said."""
    text = text_of(last)
    return f"It is {text}." if last.get("role") == "tool" and text else answer(text[:_SHORT_QUESTION])


def modes(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """(thinking, low effort) as `chat_template_kwargs` ask for them; thinking is on unless switched off."""
    kwargs = body.get("chat_template_kwargs") or {}
    return kwargs.get("enable_thinking") is not False, bool(kwargs.get("low_effort"))


def messages_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages, refused when they are no list of objects."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise ApiError("1 validation error:\n  body.messages: Input should be a valid list", kind="Bad Request")
    return messages


def _tool(
    api: Api, body: Mapping[str, Any], messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """The tool that the model calls: the one asked for, else the first; none after a tool's result has come back."""
    choice = body.get("tool_choice", "auto")
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        return next((t for t in tools if (t.get("function") or {}).get("name") == name), None)
    if choice == "auto" and not api.settings.tool_parser:
        raise ApiError('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    return None if messages[-1].get("role") == "tool" else tools[0]


def _delta(token: Token, call_id: str) -> dict[str, Any]:
    match token.channel:
        case "reasoning":
            return {"reasoning": token.text}
        case "content":
            return {"content": token.text}
        case "tool_name":
            function = {"name": token.text}
            return {"tool_calls": [{"id": call_id, "type": "function", "index": 0, "function": function}]}
        case "tool_arguments":
            return {"tool_calls": [{"index": 0, "function": {"arguments": token.text}}]}
        case "mark":
            return {}
