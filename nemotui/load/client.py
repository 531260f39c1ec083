"""The server over HTTP, as the load generator uses it: one timestamp a read, taken right after the read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic_ns
from typing import Any

import httpx
import msgspec

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import FailedError, NothingThereError
from nemotui.core.sse import SseDecoder
from nemotui.core.text import plain_line
from nemotui.load.reply import Reply, RequestError, http_error

CONNECT_S = 10.0
ASK_S = 30.0  # for /v1/models and /tokenize
ERROR_BODY_BYTES = 64 * 1024
_PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}


class _Models(msgspec.Struct):
    class Model(msgspec.Struct):
        id: str

    data: list[Model]


class _Version(msgspec.Struct):
    class Simulator(msgspec.Struct):
        speed: float

    simulator: Simulator | None = None


class _Tokens(msgspec.Struct):
    tokens: list[int]


class Client:
    """Requests to one server. `api_key` goes into a header and nowhere else."""

    def __init__(self, spec: BenchSpec, api_key: str | None) -> None:
        self._spec = spec
        self._url = spec.server + _PATHS[spec.endpoint]
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if api_key:
            headers["authorization"] = f"Bearer {api_key}"
        at_once = spec.num_prompts if spec.max_concurrency is None else spec.max_concurrency
        self._http = httpx.AsyncClient(
            headers=headers,
            # Each stream has its connection; one that was idle for longer than this may be closing at the other end.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=at_once, keepalive_expiry=2.0),
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            trust_env=False,  # a proxy would be measured too
        )

    async def close(self) -> None:
        """Drop the connections."""
        await self._http.aclose()

    async def first_model(self) -> str:
        """The first name in /v1/models."""
        url = self._spec.server + "/v1/models"
        try:
            reply = await self._http.get(url, timeout=ASK_S)
        except httpx.TransportError as error:
            raise no_server(self._spec, str(error)) from None
        if reply.status_code in (401, 403):
            raise FailedError(
                "unauthorized",
                f"{url} answers {reply.status_code}",
                "give the key by NEMOTUI_API_KEY or --api-key-file",
            )
        try:
            return plain_line(msgspec.json.decode(reply.content, type=_Models).data[0].id)
        except (msgspec.DecodeError, IndexError):
            raise FailedError("no_model", f"{url} names no model", "give one with --model") from None

    async def pretend_speed(self) -> float | None:
        """How fast the time of a pretend server runs, by its /version; None: it is not one."""
        try:
            reply = await self._http.get(self._spec.server + "/version", timeout=ASK_S)
            simulator = msgspec.json.decode(reply.content, type=_Version).simulator
        except (httpx.TransportError, msgspec.DecodeError):
            return None
        return simulator.speed if simulator and 1 <= simulator.speed < float("inf") else None

    async def tokenize(self, model: str, text: str) -> Sequence[int] | None:
        """vLLM's POST /tokenize: the ids of a text without special tokens; None where the server has no such thing."""
        body = msgspec.json.encode({"model": model, "prompt": text, "add_special_tokens": False})
        try:
            reply = await self._http.post(self._spec.server + "/tokenize", content=body, timeout=ASK_S)
            return msgspec.json.decode(reply.content, type=_Tokens).tokens if reply.status_code == 200 else None
        except (httpx.TransportError, msgspec.DecodeError):
            return None

    async def reachable(self) -> bool:
        """Whether anybody answers at all."""
        try:
            await self._http.get(self._spec.server + "/health", timeout=CONNECT_S)
        except httpx.TransportError:
            return False
        return True

    async def stream(self, body: bytes, reply: Reply) -> None:
        """Send one request and feed its reply to `reply`. Raises `RequestError`."""

        async def trace(name: str, _: Mapping[str, Any]) -> None:
            # Connecting, and waiting for a connection, are over when this comes.
            if name.endswith("send_request_headers.started"):
                reply.sent(monotonic_ns())

        try:
            async with (
                asyncio.timeout(self._spec.timeout_s),
                self._http.stream("POST", self._url, content=body, extensions={"trace": trace}) as response,
            ):
                if response.status_code != 200:
                    raise http_error(response.status_code, await _beginning(response))
                decoder = SseDecoder()
                async for data in response.aiter_raw():
                    at_ns = monotonic_ns()
                    if reply.first_byte_ns is None:
                        reply.first_byte_ns = at_ns
                    for event in decoder.feed(data):
                        reply.event(event, at_ns)
                reply.end()
        except TimeoutError:
            raise RequestError("timeout", f"no end after {self._spec.timeout_s:g} s") from None
        except httpx.TransportError as error:
            raise _broken(error, reply) from None
        except OverflowError as error:
            raise RequestError("malformed", str(error)) from None


async def _beginning(response: httpx.Response) -> bytes:
    body = b""
    async for data in response.aiter_raw():
        body += data
        if len(body) >= ERROR_BODY_BYTES:
            break
    return body


def _broken(error: httpx.TransportError, reply: Reply) -> RequestError:
    """What a failure of the transport is, as a user would name it."""
    words = str(error) or type(error).__name__
    match error:
        case httpx.TimeoutException():
            return RequestError("timeout", f"no connection after {CONNECT_S:g} s")
        case httpx.ConnectError():
            return RequestError("refused", words)
        case httpx.RemoteProtocolError() if "without sending complete message body" in words:
            return RequestError("early_end", "the connection was closed in the middle of the reply")
        case httpx.RemoteProtocolError() if "disconnected" not in words:
            return RequestError("malformed", f"the reply is not HTTP: {words}")
    where = "in the middle of the reply" if reply.first_byte_ns is not None else "before a reply"
    return RequestError("reset", f"the connection broke {where}")


def no_server(spec: BenchSpec, words: str) -> NothingThereError:
    """Nobody listens."""
    message = f"no server answers at {spec.server} ({plain_line(words)})"
    return NothingThereError("no_server", message, "start one with nemotui deploy, or name another with --base-url")
