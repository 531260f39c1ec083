"""An OpenAI-compatible server, vLLM's above all, over HTTP."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.plausible import MOST_OF_A_REQUEST, MOST_OF_A_SERVER, plausible
from nemotui.core.ports import ChatChunk, Observed, ServedModel, ServerMetrics, ToolCallDelta, Usage
from nemotui.core.sse import DONE, SseDecoder
from nemotui.core.text import plain, plain_line, plain_values

_BODY_LIMIT = 16 * 1024 * 1024  # no honest reply to a GET comes near it
_PATIENCE_S = 10.0
_METRICS_PATIENCE_S = 3.0  # asked every two seconds, by a console that has other things to show


class _NoWholeAnswerError(NothingThereError):
    """Somebody is there, but the answer broke off, or nobody waits for it any longer."""


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None  # the name before vLLM 0.12
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    completion_tokens_details: _Details | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class _ModelEntry(msgspec.Struct):
    id: str
    root: str | None = None
    max_model_len: int | None = None


class _ModelList(msgspec.Struct):
    data: list[_ModelEntry]


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_models = msgspec.json.Decoder(_ModelList).decode


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
    """`core.ports.ModelServer` over httpx. What `api_key` returns goes out as a Bearer token and nowhere else.

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
            entries = _decode_models(await self._get("/v1/models")).data
        except msgspec.MsgspecError as error:
            raise FailedError(
                "not_openai",
                f"{self.base_url}/v1/models does not answer as an OpenAI-compatible server does ({error})",
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
            version = msgspec.json.decode(await self._get("/version"), type=dict[str, Any]).get("version")
        except (FailedError, msgspec.MsgspecError):
            return None
        return plain_line(version) if isinstance(version, str) else None

    async def metrics(self) -> ServerMetrics:
        try:
            text = (await self._get("/metrics", _METRICS_PATIENCE_S)).decode("utf-8", "replace")
        except (FailedError, _NoWholeAnswerError):
            return ServerMetrics()  # another engine, /metrics is off, broken or busy: all unknown
        return parse_metrics(text)

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        decoder = SseDecoder()
        # A thinking model may be silent for long while it is queued; only the connection has a deadline.
        timeout = httpx.Timeout(_PATIENCE_S, read=None)
        try:
            async with self._client.stream("POST", "/v1/chat/completions", json=dict(body), timeout=timeout) as reply:
                if reply.status_code != 200:
                    raise _error_reply(reply.status_code, await _read_capped(reply))
                finished = False
                async for data in reply.aiter_bytes():
                    at = time.monotonic()
                    for event in decoder.feed(data):
                        if event == DONE:
                            return
                        chunk = _chunk(event, at)
                        finished = finished or chunk.finish_reason is not None
                        yield chunk
                for event in decoder.end():
                    if event != DONE:
                        yield _chunk(event, time.monotonic())
                if not finished:
                    raise FailedError(
                        "early_end",
                        "the server ended the stream before the reply was finished",
                        "See `nemotui logs` for what the server says.",
                    )
        except httpx.ConnectError as error:
            raise self._nobody(error) from None
        except httpx.HTTPError as error:
            raise FailedError(
                "connection_lost",
                f"the connection to {self.base_url} broke in the middle of the reply ({type(error).__name__})",
                "See `nemotui logs` for what the server says.",
            ) from None
        except OverflowError as error:
            raise FailedError("malformed", f"the server's reply is not readable: {error}") from None

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        timeout = httpx.Timeout(_PATIENCE_S, read=None, write=None)  # a body may be as long as the context
        try:
            async with self._client.stream("POST", path, json=dict(body), timeout=timeout) as reply:
                data = await _read_capped(reply)
                if reply.status_code != 200:
                    raise _error_reply(reply.status_code, data)
                return plain_values(msgspec.json.decode(data, type=dict[str, Any]), plain)  # type: ignore[no-any-return]
        except httpx.ConnectError as error:
            raise self._nobody(error) from None
        except httpx.HTTPError as error:
            what = f"the connection to {self.base_url} broke before {path} was answered ({type(error).__name__})"
            raise FailedError("connection_lost", what, "See `nemotui logs` for what the server says.") from None
        except (msgspec.MsgspecError, RecursionError) as error:
            what = f"{path} does not answer with a JSON object ({plain_line(str(error))})"
            raise FailedError("malformed", what, "Check the port: something else may be listening there.") from None

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


def _chunk(event: str, at: float) -> ChatChunk:
    try:
        parsed = _decode_event(event.encode("utf-8", "replace"))
    except msgspec.MsgspecError as error:
        raise FailedError(
            "malformed", f"the server sent an event that is not one of a chat: {plain_line(str(error))}"
        ) from None
    if parsed.error is not None:
        raise FailedError("server_error", f"the server broke off: {_error_message(parsed.error)}")
    choice = parsed.choices[0] if parsed.choices else _Choice()
    delta = choice.delta or _Delta()
    return ChatChunk(
        at=at,
        reasoning=plain(delta.reasoning or delta.reasoning_content or ""),
        content=plain(delta.content or ""),
        tool_calls=tuple(_tool_call(call) for call in delta.tool_calls or ()),
        finish_reason=plain_line(choice.finish_reason) if choice.finish_reason else None,
        usage=_usage(parsed.usage),
    )


def _tool_call(call: _ToolCall) -> ToolCallDelta:
    function = call.function or _Function()
    return ToolCallDelta(
        index=min(max(call.index, 0), 63),  # a hostile index must not make us allocate
        name=plain_line(function.name) if function.name else None,
        arguments=plain(function.arguments or ""),
    )


def _usage(usage: _Usage | None) -> Usage | None:
    """The counts, None where one of the two that must be there cannot be true."""
    if usage is None:
        return None
    prompt = plausible(usage.prompt_tokens, MOST_OF_A_REQUEST)
    completion = plausible(usage.completion_tokens, MOST_OF_A_REQUEST)
    if prompt is None or completion is None:
        return None
    details = usage.completion_tokens_details
    reasoning = plausible(details.reasoning_tokens, completion) if details else None
    return Usage(prompt_tokens=prompt, completion_tokens=completion, reasoning_tokens=reasoning)


async def _read_capped(reply: httpx.Response) -> bytes:
    body = bytearray()
    async for data in reply.aiter_bytes():
        body += data
        if len(body) > _BODY_LIMIT:
            raise FailedError("too_large", f"the reply to {reply.request.url.path} is over {_BODY_LIMIT} bytes")
    return bytes(body)


def _error_reply(status: int, body: bytes) -> FailedError:
    try:
        message = _error_message(msgspec.json.decode(body))
    except msgspec.MsgspecError:
        message = plain_line(body) or "no text"
    fix = ""
    if status == 401:
        fix = "Give the server's key with --api-key-file or NEMOTUI_API_KEY."
    elif status == 404:
        fix = "See `nemotui status` for the names it serves."
    return FailedError(f"http_{status}", f"the server answers HTTP {status}: {message}", fix)


def _error_message(error: object) -> str:
    """The words of `{"error": {"message": …}}`, of its inner part, or of anything else a server may send."""
    while isinstance(error, dict):
        error = error.get("error") or error.get("message") or error.get("detail") or str(error)
    return plain_line(str(error))


def parse_metrics(text: str) -> ServerMetrics:
    """What we know of vLLM's /metrics. Engines of one server are summed, their KV cache use is the highest one's."""
    from prometheus_client.parser import text_string_to_metric_families

    samples: dict[str, list[float]] = {}
    labels: dict[str, Mapping[str, str]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append(sample.value)
                labels.setdefault(sample.name, sample.labels)
    except ValueError:
        pass  # cut off or of another dialect: keep what was readable

    def total(name: str) -> float | None:
        return plausible(sum(samples[name]), MOST_OF_A_SERVER) if name in samples else None

    def histogram(name: str) -> Observed | None:
        sum_s, count = total(f"vllm:{name}_seconds_sum"), total(f"vllm:{name}_seconds_count")
        return None if sum_s is None or count is None else Observed(sum_s=sum_s, count=count)

    def config(name: str) -> int | None:
        value = labels.get("vllm:cache_config_info", {}).get(name, "")
        return int(value) if value.isdecimal() and len(value) <= 15 else None

    usages = [plausible(usage, 1.0) for usage in samples.get("vllm:kv_cache_usage_perc", ())]
    known = [usage for usage in usages if usage is not None]

    return ServerMetrics(
        running=total("vllm:num_requests_running"),
        waiting=total("vllm:num_requests_waiting"),
        kv_cache_usage=max(known) if known and len(known) == len(usages) else None,
        prompt_tokens=total("vllm:prompt_tokens_total"),
        generation_tokens=total("vllm:generation_tokens_total"),
        prefix_cache_queries=total("vllm:prefix_cache_queries_total"),
        prefix_cache_hits=total("vllm:prefix_cache_hits_total"),
        preemptions=total("vllm:num_preemptions_total"),
        draft_tokens=total("vllm:spec_decode_num_draft_tokens_total"),
        accepted_tokens=total("vllm:spec_decode_num_accepted_tokens_total"),
        num_gpu_blocks=config("num_gpu_blocks"),
        block_size=config("block_size"),
        ttft=histogram("time_to_first_token"),
        itl=histogram("inter_token_latency"),
        e2el=histogram("e2e_request_latency"),
    )
