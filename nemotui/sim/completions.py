"""POST /v1/completions, /tokenize and /detokenize: plain text in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemotui.sim.api import Api, ApiError, Generation, compact, event_stream, new_id
from nemotui.sim.chat import messages_of, modes
from nemotui.sim.model import render


class CompletionEndpoint:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, request: Request) -> Response:
        body = await self._api.body(request, "prompt")
        body.setdefault("max_tokens", 16)  # OpenAI's default for this endpoint, and vLLM's
        generation = self._api.generate(body, self._prompt(body["prompt"]), thinking=False)
        model = body.get("model") or self._api.settings.served_model_names[0]
        head = {"id": new_id("cmpl"), "object": "text_completion", "created": generation.created, "model": model}
        if body.get("stream"):
            options = body.get("stream_options") or {}
            return event_stream(self._stream(generation, head, include_usage=bool(options.get("include_usage"))))
        await generation.finished(request)
        choice = {
            "index": 0,
            "text": generation.reply.text("content"),
            "logprobs": None,
            "finish_reason": generation.finish_reason,
            "stop_reason": None,
        }
        return JSONResponse({**head, "choices": [choice], "usage": generation.usage()})

    async def _stream(self, generation: Generation, head: dict[str, Any], *, include_usage: bool) -> AsyncIterator[str]:
        async for token, last in generation.tokens():
            text = token.text if token.channel == "content" else ""
            reason = generation.finish_reason if last else None
            choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason, "stop_reason": None}
            yield f"data: {compact({**head, 'choices': [choice]})}\n\n"
        if include_usage:
            yield f"data: {compact({**head, 'choices': [], 'usage': generation.usage()})}\n\n"
        yield "data: [DONE]\n\n"

    def _prompt(self, prompt: Any) -> str:
        """A text or a list of token ids; a batch of prompts is more than a pretend server needs."""
        if isinstance(prompt, str):
            return prompt
        if isinstance(prompt, list) and prompt and all(isinstance(i, int) for i in prompt):
            return decode(self._api, prompt)
        raise ApiError("prompt must be a string or a list of token ids", param="prompt")


class TokenizeEndpoint:
    """Both ways: a `prompt`, or `messages` through the chat template."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, request: Request) -> Response:
        body = await self._api.body(request)
        if "messages" in body:
            thinking, _ = modes(body)
            text = render(messages_of(body), thinking=thinking, tools=body.get("tools") or ())
        elif isinstance(body.get("prompt"), str):
            text = body["prompt"]
        else:
            raise ApiError("1 validation error:\n  body.prompt: Field required", kind="Bad Request", param="prompt")
        ids = self._api.tokenizer.encode(text)
        strings = [self._api.tokenizer.piece(i) for i in ids] if body.get("return_token_strs") else None
        return JSONResponse(
            {
                "count": len(ids),
                "max_model_len": self._api.settings.max_model_len,
                "tokens": ids,
                "token_strs": strings,
            }
        )


class DetokenizeEndpoint:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, request: Request) -> Response:
        body = await self._api.body(request, "tokens")
        tokens = body["tokens"]
        if not isinstance(tokens, list) or not all(isinstance(i, int) for i in tokens):
            raise ApiError("1 validation error:\n  body.tokens: Input should be a valid list", kind="Bad Request")
        return JSONResponse({"prompt": decode(self._api, tokens)})


def decode(api: Api, ids: list[int]) -> str:
    """The text of token ids, refused as vLLM does when there is no such id."""
    try:
        return api.tokenizer.decode(ids)
    except ValueError as error:
        raise ApiError(str(error)) from None
