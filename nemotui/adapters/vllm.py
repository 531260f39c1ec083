"""An OpenAI-compatible server, vLLM's above all, over HTTP."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from nemotui.adapters import threads
from nemotui.adapters.chat_stream import ChatStream, error_message
from nemotui.adapters.vllm_metrics import parse_metrics
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.exchange import BODY_CHARACTERS, HIDDEN, Answered, Headers, Sent
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics
from nemotui.core.plausible import MOST_OF_A_REQUEST, plausible
from nemotui.core.sse import SseDecoder
from nemotui.core.text import decoded, escaped, plain, plain_line, plain_values

_BODY_LIMIT = 16 * 1024 * 1024  # no honest reply to a GET comes near it
_PATIENCE_S = 10.0
_HEADERS = 200  # of a reply that are kept to be shown
_SECRET_HEADERS = ("cookie", "set-cookie", "proxy-authorization", "proxy-authenticate", "x-api-key")
_METRICS_PATIENCE_S = 3.0  # asked every two seconds, by a console that has other things to show


class _NoWholeAnswerError(NothingThereError):
    """Somebody is there, but the answer broke off, or nobody waits for it any longer."""


class _ModelEntry(msgspec.Struct):
    id: str
    root: str | None = None
    max_model_len: int | None = None


class _ModelList(msgspec.Struct):
    data: list[_ModelEntry]


_decode_models = msgspec.json.Decoder(_ModelList).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's own."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bearer(api_key: Callable[[], str | None]) -> Callable[[httpx.Request], httpx.Request]:
    def sign(request: httpx.Request) -> httpx.Request:
        if key := api_key():
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    return sign


class VllmServer:
    """`core.model_server.ModelServer` over httpx. What `api_key` returns goes out as a Bearer token and nowhere else.

    It is asked at each request: the key of a server of ours may be made while we look for that server.
    """

    def __init__(self, base_url: str, *, api_key: Callable[[], str | None] = lambda: None) -> None:
        try:
            parts = urlsplit(base_url)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            httpx.URL(base_url)
        except (ValueError, httpx.InvalidURL):
            known = False
        if not known:
            raise UsageError(
                "base_url", f"{plain_line(base_url)!r} is not a server's URL", "Give it as http://HOST:PORT."
            )
        if parts.username or parts.password:
            raise UsageError(
                "base_url", "a base URL must not carry credentials", "Use --api-key-file or NEMOTUI_API_KEY instead."
            )
        # People paste the URL with the /v1 that OpenAI clients want.
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self._api_key = api_key
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            auth=_bearer(api_key),
            timeout=httpx.Timeout(_PATIENCE_S),
            trust_env=not is_loopback(parts.hostname),  # HTTP_PROXY is not for a server on this machine
            # The system's authorities or those of SSL_CERT_FILE, on this machine too: the load process trusts the same.
            verify=ssl.create_default_context(),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def healthy(self) -> bool:
        try:
            return (await self._client.get("/health")).status_code == 200
        except httpx.HTTPError:
            return False  # refused, reset and dropped all mean "not yet": docker-proxy accepts before vLLM listens

    async def models(self) -> Sequence[ServedModel]:
        try:
            entries = _decode_models(_text(await self._get("/v1/models"))).data
        except (msgspec.MsgspecError, RecursionError) as error:
            raise FailedError(
                "not_openai",
                f"{self.base_url}/v1/models does not answer as an OpenAI-compatible server does"
                f" ({plain_line(str(error))})",
                "Check the port: something else may be listening there.",
            ) from None
        return [
            ServedModel(
                id=plain_line(e.id),
                root=e.root and plain_line(e.root),
                max_model_len=plausible(e.max_model_len, MOST_OF_A_REQUEST) or None,
            )
            for e in entries
        ]

    async def version(self) -> str | None:
        try:
            version = _document(_text(await self._get("/version"))).get("version")
        except (FailedError, msgspec.MsgspecError, RecursionError):
            return None
        return plain_line(version) if isinstance(version, str) else None

    async def metrics(self) -> ServerMetrics:
        try:
            text = _text(await self._get("/metrics", _METRICS_PATIENCE_S))
        except (FailedError, _NoWholeAnswerError):
            return ServerMetrics()  # another engine, /metrics is off, broken or busy: all unknown
        return await threads.call(parse_metrics, text)  # seconds, of one as large as is read: nobody waits for that

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        # A thinking model may be silent for long while it is queued; only the connection has a deadline.
        timeout = httpx.Timeout(_PATIENCE_S, read=None, write=None)
        request = self._client.build_request("POST", "/v1/chat/completions", json=dict(body), timeout=timeout)
        key = self._api_key()
        stream = ChatStream(lambda text: text.replace(key, HIDDEN) if key else text)
        yield ChatChunk(at=(at := time.monotonic()), seen=(_sent(request, at, key),))
        try:
            reply = await self._client.send(request, stream=True)
            async with aclosing(reply):
                yield ChatChunk(at=(at := time.monotonic()), seen=(_answered(reply, at),))
                if reply.status_code != 200:
                    refusal = await _read_capped(reply)
                    for chunk in stream.refused(refusal, time.monotonic()):
                        yield chunk
                    raise _error_reply(reply.status_code, refusal)
                if _is_json(reply):
                    for chunk in stream.whole(await _read_capped(reply), time.monotonic()):
                        yield chunk
                else:
                    async for data in reply.aiter_bytes():
                        for chunk in stream.feed(data, time.monotonic()):
                            yield chunk
                        if stream.over or stream.failed:
                            break
                for chunk in stream.end(time.monotonic()):
                    yield chunk
        except httpx.ConnectError as error:
            yield stream.ended(time.monotonic(), "no connection")
            raise self._nobody(error) from None
        except httpx.HTTPError as error:
            how = f"the connection to {self.base_url} broke in the middle of the reply ({type(error).__name__})"
            for chunk in stream.end(time.monotonic(), how):
                yield chunk
            raise FailedError("connection_lost", how, "See `nemotui logs` for what the server says.") from None
        stream.check()

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        timeout = httpx.Timeout(_PATIENCE_S, read=None, write=None)  # a body may be as long as the context
        try:
            async with self._client.stream("POST", path, json=dict(body), timeout=timeout) as reply:
                data = await _read_capped(reply)
                if reply.status_code != 200:
                    raise _error_reply(reply.status_code, data)
                return _document(_text(data))
        except httpx.ConnectError as error:
            raise self._nobody(error) from None
        except httpx.HTTPError as error:
            what = f"the connection to {self.base_url} broke before {path} was answered ({type(error).__name__})"
            raise FailedError("connection_lost", what, "See `nemotui logs` for what the server says.") from None
        except (msgspec.MsgspecError, RecursionError) as error:
            what = f"{path} does not answer with a JSON object ({plain_line(str(error))})"
            raise FailedError("malformed", what, "Check the port: something else may be listening there.") from None

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        timeout = httpx.Timeout(_PATIENCE_S, read=None, write=None)
        decoder = SseDecoder()
        try:
            async with self._client.stream("POST", path, json=dict(body), timeout=timeout) as reply:
                if reply.status_code != 200:
                    raise _error_reply(reply.status_code, await _read_capped(reply))
                async for data in reply.aiter_bytes():
                    for event in decoder.feed(data):
                        yield _object(event, path)
                for event in decoder.end():
                    yield _object(event, path)
        except httpx.ConnectError as error:
            raise self._nobody(error) from None
        except httpx.HTTPError as error:
            what = f"the connection to {self.base_url} broke in the middle of {path} ({type(error).__name__})"
            raise FailedError("connection_lost", what, "See `nemotui logs` for what the server says.") from None
        except OverflowError as error:
            raise FailedError("malformed", f"the server's reply is not readable: {error}") from None

    async def _get(self, path: str, patience_s: float = _PATIENCE_S) -> bytes:
        try:
            async with asyncio.timeout(patience_s), self._client.stream("GET", path) as reply:
                body = await _read_capped(reply)
                if reply.status_code != 200:
                    raise _error_reply(reply.status_code, body)
                return body
        except (httpx.TimeoutException, TimeoutError):
            raise _NoWholeAnswerError(
                "no_server", f"{self.base_url} did not answer within {patience_s:.0f} s", "See `nemotui status`."
            ) from None
        except httpx.ConnectError as error:
            raise self._nobody(error) from None
        except httpx.HTTPError:
            raise _NoWholeAnswerError(
                "no_server", f"{self.base_url} broke off its answer to {path}", "See `nemotui logs`."
            ) from None

    def _nobody(self, error: httpx.HTTPError) -> NothingThereError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            words = plain_line(str(error).rpartition("verify failed: ")[2].partition(" (_ssl")[0])
            message = f"the certificate of {self.base_url} is not trusted: {words}"
            return NothingThereError("no_server", message, "Name the file of its authority in SSL_CERT_FILE.")
        return NothingThereError(
            "no_server",
            f"no server answers at {self.base_url}",
            "Start one with `nemotui deploy`, or name one with --base-url.",
        )


def _sent(request: httpx.Request, at: float, key: str | None) -> Sent:
    headers = [*request.headers.items(), *([("Authorization", f"Bearer {HIDDEN}")] if key else ())]
    body = request.content.decode("utf-8", "replace")
    return Sent(
        at=at,
        method=request.method,
        url=plain_line(str(request.url)),
        headers=_headers(headers),
        body=escaped(body[:BODY_CHARACTERS]),
        size=len(body),
    )


def _answered(reply: httpx.Response, at: float) -> Answered:
    reason = plain_line(reply.reason_phrase, limit=200)
    return Answered(at=at, status=reply.status_code, reason=reason, headers=_headers(reply.headers.multi_items()))


def _headers(items: Sequence[tuple[str, str]]) -> Headers:
    shown = [(plain_line(name, limit=200), plain_line(value)) for name, value in items[:_HEADERS]]
    return tuple((name, HIDDEN if name.lower() in _SECRET_HEADERS else value) for name, value in shown)


def _object(event: str, path: str) -> Mapping[str, Any]:
    try:
        return _document(event)
    except (msgspec.MsgspecError, RecursionError) as error:
        what = f"{path} streams an event that is no JSON object ({plain_line(str(error))})"
        raise FailedError("malformed", what) from None


def _document(text: str) -> dict[str, Any]:
    """A JSON object, its text made plain. Raises what msgspec does, and `RecursionError`."""
    found, _ = decoded(_decode_object, text)
    made: dict[str, Any] = plain_values(found, plain)
    return made


def _is_json(reply: httpx.Response) -> bool:
    return str(reply.headers.get("content-type", "")).lower().startswith("application/json")


async def _read_capped(reply: httpx.Response) -> bytes:
    body = bytearray()
    async for data in reply.aiter_bytes():
        body += data
        if len(body) > _BODY_LIMIT:
            raise FailedError("too_large", f"the reply to {reply.request.url.path} is over {_BODY_LIMIT} bytes")
    return bytes(body)


def _text(body: bytes) -> str:
    """A byte that is not UTF-8 costs a letter, not the whole reply."""
    return body.decode("utf-8", "replace")


def _error_reply(status: int, body: bytes) -> FailedError:
    try:
        message = error_message(msgspec.json.decode(_text(body)))
    except (msgspec.MsgspecError, RecursionError):
        message = plain_line(body) or "no text"
    fix = ""
    if status == 401:
        fix = "Give the server's key with --api-key-file or NEMOTUI_API_KEY."
    elif status == 404:
        fix = "See `nemotui status` for the names it serves."
    return FailedError(f"http_{status}", f"the server answers HTTP {status}: {message}", fix)
