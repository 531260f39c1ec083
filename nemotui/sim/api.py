"""What every endpoint of the pretend server shares: reading a request, refusing one, and running it in the engine."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from nemotui.sim import words
from nemotui.sim.faults import misheard, spoiled
from nemotui.sim.live import LiveEngine, Ticket
from nemotui.sim.metrics import Metrics
from nemotui.sim.model import Question, Reply, Token, reply
from nemotui.sim.settings import ServerSettings

_KINDS: Mapping[str, type] = {"chat_template_kwargs": dict, "stream_options": dict, "thinking": dict, "tools": list}


class ApiError(Exception):
    """A refusal in vLLM's shape: `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(self, message: str, *, status: int = 400, kind: str = "BadRequestError", param: str | None = None):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": status}}


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Starlette's handler for `ApiError`, and for a path or a method that is not there."""
    if isinstance(error, HTTPException):
        error = ApiError(error.detail, status=error.status_code, kind=error.detail)
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, error.status)


class Generation:
    """One reply on its way: the tokens known beforehand, and the ticket that says when each is there."""

    def __init__(self, engine: LiveEngine, prompt_tokens: int, answer: Reply) -> None:
        self._engine = engine
        self._ticket: Ticket = engine.submit(
            prompt_tokens, len(answer.tokens), "length" if answer.finish_reason == "length" else "stop"
        )
        self.reply = answer
        self.prompt_tokens = prompt_tokens
        self.produced = 0
        self.reasoning_produced = 0
        self.created = int(time.time())

    @property
    def finish_reason(self) -> str:
        """`abort` when the server ended it before its last token."""
        return self.reply.finish_reason if self.produced == len(self.reply.tokens) else "abort"

    async def tokens(self) -> AsyncIterator[tuple[Token, bool]]:
        """Each token when it is due, and whether it is the last. Leaving the loop early frees the slot."""
        try:
            async for number in self._ticket:
                token = self.reply.tokens[number]
                self.produced = number + 1
                self.reasoning_produced += token.channel == "reasoning"
                yield token, self.produced == len(self.reply.tokens)
        finally:
            self._engine.abort(self._ticket)

    async def finished(self, request: Request) -> None:
        """Wait for the whole reply; a client that hangs up frees its slot."""
        gone = asyncio.create_task(_until_gone(request))
        gone.add_done_callback(lambda _: self._engine.abort(self._ticket))
        try:
            async for _ in self.tokens():
                pass
        finally:
            gone.cancel()

    def usage(self) -> dict[str, Any]:
        """Token counts so far."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + self.produced,
            "completion_tokens": self.produced,
        }


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Api:
    """The state behind the endpoints."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics(settings)
        self.engine = LiveEngine(settings, self.metrics)
        self.tokenizer = words.Tokenizer()

    @property
    def fingerprint(self) -> str:
        return f"vllm-{self.settings.version}-pretend"

    async def body(self, request: Request, *required: str) -> dict[str, Any]:
        """The JSON object of a request for a model that is served here, with these fields present."""
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError) as error:
            raise ApiError(f"Invalid JSON: {error}", kind="Bad Request") from None
        if not isinstance(body, dict):
            raise ApiError("Input should be a valid dictionary", kind="Bad Request")
        model = body.get("model")
        if model is not None and model not in self.settings.served_model_names:
            raise ApiError(f"The model `{model}` does not exist.", status=404, kind="NotFoundError", param="model")
        for name, kind in _KINDS.items():
            if not isinstance(body.get(name), kind | None):
                wanted = "dictionary" if kind is dict else "list"
                raise ApiError(
                    f"1 validation error:\n  body.{name}: Input should be a valid {wanted}", kind="Bad Request"
                )
        for name in required:
            if name not in body:
                raise ApiError(f"1 validation error:\n  body.{name}: Field required", kind="Bad Request", param=name)
        return body

    def generate(self, body: Mapping[str, Any], prompt: str, **how: Any) -> Generation:
        """Put a prompt into the engine. `how` are further fields of `Question`; the limits come from the body."""
        _check_sampling(body)
        prompt_tokens = max(1, words.count(prompt))
        wanted = integer(body, "max_completion_tokens", 1)
        if wanted is None:
            wanted = integer(body, "max_tokens", 1)
        limit = self.settings.max_model_len
        room = limit - prompt_tokens
        if room < (wanted or 1):
            asked = wanted or 1
            raise ApiError(
                f"This model's maximum context length is {limit} tokens. However, you requested {asked} output tokens "
                f"and your prompt contains {prompt_tokens} input tokens, for a total of {prompt_tokens + asked} "
                "tokens. Please reduce the length of the input prompt or the number of requested output tokens.",
                param="input_tokens",
            )
        question = Question(
            prompt=prompt,
            max_tokens=wanted or room,
            min_tokens=integer(body, "min_tokens", 0) or 0,
            ignore_eos=bool(body.get("ignore_eos")),
            seed=integer(body, "seed", None) or 0,
            thinking_token_budget=integer(body, "thinking_token_budget", 0),
            **how,
        )
        faults = self.settings.faults
        answer = spoiled(reply(misheard(question, faults)), faults)
        return Generation(self.engine, prompt_tokens, answer)


def _check_sampling(body: Mapping[str, Any]) -> None:
    """Refuse what vLLM refuses, in its words; one answer a request is all that this server makes."""
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool)):
            raise ApiError(f"1 validation error:\n  body.{name}: Input should be a valid number", kind="Bad Request")
    if (body.get("temperature") or 0) < 0:
        raise ApiError(f"temperature must be non-negative, got {body['temperature']}.", param="temperature")
    if not 0 < (1 if body.get("top_p") is None else body["top_p"]) <= 1:
        raise ApiError(f"top_p must be in (0, 1], got {body['top_p']}.", param="top_p")
    if (integer(body, "n", 1) or 1) > 1:
        raise ApiError("n must be 1 here: this is a pretend server.", param="n")


def integer(body: Mapping[str, Any], name: str, least: int | None) -> int | None:
    """An optional integer field, refused when it is not one or too small."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ApiError(f"1 validation error:\n  body.{name}: Input should be a valid integer", kind="Bad Request")
    if least is not None and value < least:
        raise ApiError(f"{name} must be at least {least}, got {value}.", param=name)
    return value


def compact(value: Any) -> str:
    """JSON as vLLM's server writes it: no spaces, UTF-8 as it is."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def new_id(prefix: str) -> str:
    """An id as vLLM makes them."""
    return f"{prefix}-{secrets.token_hex(8)}"


def event_stream(events: AsyncIterator[str]) -> StreamingResponse:
    """Server-sent events, each written to the socket as it is made."""
    return StreamingResponse(events, media_type="text/event-stream")
