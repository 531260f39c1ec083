"""What the load process asks of a server besides its streams: few and small requests, one at a time, that may block."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, TypeVar

import msgspec

from nemotui.core.bench import BenchSpec
from nemotui.core.chat import template_kwargs
from nemotui.core.errors import FailedError
from nemotui.core.text import plain_line
from nemotui.load.target import Target

ASK_S = 30.0
_MOST_BYTES = 64 * 1024 * 1024  # of a reply: token ids of a prompt of the longest context take some 8 MB
Answer = TypeVar("Answer")


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


class _Silence(Exception):
    """No answer."""


class Server:
    """One server's other endpoints."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._ahead_s: float | None = None

    def first_model(self) -> str:
        """The first name in /v1/models."""
        url = f"{self._target.url}/v1/models"
        try:
            status, body = self._ask("GET", "/v1/models")
        except _Silence as error:
            raise self._target.absent(str(error)) from None
        if status in (401, 403):
            raise FailedError(
                "unauthorized", f"{url} answers {status}", "give the key by NEMOTUI_API_KEY or --api-key-file"
            )
        try:
            return plain_line(msgspec.json.decode(body, type=_Models).data[0].id)
        except (msgspec.DecodeError, IndexError, RecursionError):
            raise FailedError("no_model", f"{url} names no model", "give one with --model") from None

    def pretend_speed(self) -> float | None:
        """How fast the time of a pretend server runs, by its /version; None: it is not one."""
        version = self._read("GET", "/version", _Version)
        speed = version.simulator.speed if version and version.simulator else None
        return speed if speed is not None and 1 <= speed < float("inf") else None

    def clock_ahead_s(self) -> float | None:
        """How far this machine's clock is ahead of the server's, by its `Date` header, which has whole seconds; None
        where it has none. Clients of one server on several machines are told apart by it."""
        with suppress(_Silence):
            self._ask("GET", "/version")
        return self._ahead_s

    def tokenize(self, model: str, text: str) -> Sequence[int] | None:
        """vLLM's POST /tokenize: the ids of a text without special tokens; None where the server has no such thing."""
        read = self._read("POST", "/tokenize", _Tokens, {"model": model, "prompt": text, "add_special_tokens": False})
        return read.tokens if read else None

    def chat_tokens(self, spec: BenchSpec, model: str, text: str) -> int | None:
        """How many tokens a prompt is in the model's chat template."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "add_generation_prompt": True,
            "chat_template_kwargs": template_kwargs(spec.mode),
        }
        read = self._read("POST", "/tokenize", _Tokens, body)
        return len(read.tokens) if read else None

    def _read(self, method: str, path: str, kind: type[Answer], body: Any = None) -> Answer | None:
        try:
            status, answer = self._ask(method, path, None if body is None else msgspec.json.encode(body))
            return msgspec.json.decode(answer, type=kind) if status == 200 else None
        except (_Silence, msgspec.DecodeError, RecursionError):
            return None

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        target = self._target
        connection: http.client.HTTPConnection
        if target.tls is None:
            connection = http.client.HTTPConnection(target.host, target.port, timeout=ASK_S)
        else:
            connection = http.client.HTTPSConnection(target.host, target.port, timeout=ASK_S, context=target.tls)
        headers = {**target.headers, **({"Content-Type": "application/json"} if body is not None else {})}
        try:
            connection.request(method, target.prefix + path, body, headers)
            answer = connection.getresponse()
            with suppress(ValueError):  # the middle of the second that it may be
                self._ahead_s = time() - parsedate_to_datetime(answer.getheader("Date") or "").timestamp() - 0.5
            return answer.status, answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _Silence(getattr(error, "strerror", None) or str(error)) from None
        finally:
            connection.close()
