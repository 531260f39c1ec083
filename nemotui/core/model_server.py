"""The seam to a model server: what it is asked, and what it answers. Over HTTP in `adapters.vllm`, scripted in tests.

As of every port: the strings that come are plain already (`core.text`), and every method may raise `NemotuiError`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nemotui.core.exchange import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One entry of /v1/models."""

    id: str
    root: str | None = None
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A histogram of /metrics without its buckets: seconds in all, and how many samples, since the server's start."""

    sum_s: float
    count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetrics:
    """What /metrics says now, prefix `vllm:`; None where the server does not export it.

    Token counts (MTP's drafts too) and cache queries are counters since the server's start; `kv_cache_usage` is 0..1;
    `ttft`, `itl` and `e2el` are the latencies as the server sees them.
    """

    running: float | None = None
    waiting: float | None = None
    kv_cache_usage: float | None = None
    prompt_tokens: float | None = None
    generation_tokens: float | None = None
    prefix_cache_queries: float | None = None
    prefix_cache_hits: float | None = None
    preemptions: float | None = None
    draft_tokens: float | None = None
    accepted_tokens: float | None = None
    num_gpu_blocks: int | None = None
    block_size: int | None = None
    ttft: Observed | None = None
    itl: Observed | None = None
    e2el: Observed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """A fragment of a tool call: calls are told apart by `index`; `arguments` is a piece of JSON text."""

    index: int
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the server reports them; `reasoning_tokens` None where it does not say."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChunk:
    """One event of a chat stream. `at` is the monotonic time in seconds right after its bytes were read.

    `seen` is the same on the wire, and what came before it. A chunk may hold nothing else: the request that went out,
    the status of the reply.
    """

    at: float
    reasoning: str = ""
    content: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    seen: tuple[Seen, ...] = ()

    @property
    def has_token(self) -> bool:
        """It carries text of the model: not the role chunk, an empty one, or the usage."""
        return bool(self.reasoning or self.content or self.tool_calls)


class ModelServer(Protocol):
    """An OpenAI-compatible server."""

    @property
    def base_url(self) -> str: ...

    async def healthy(self) -> bool:
        """/health answers 200. A refused, reset or dropped connection is False: the server is not up yet."""

    async def models(self) -> Sequence[ServedModel]:
        """/v1/models. Raises `NothingThereError` when no server answers."""

    async def version(self) -> str | None: ...

    async def metrics(self) -> ServerMetrics: ...

    def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        """POST /v1/chat/completions; `body` asks to `stream`. Ends after the last event.

        Raises `FailedError` on an error reply, an error in mid-stream, or a connection that broke; all that arrived
        before has been yielded.
        """

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """POST and its whole reply, a JSON object; the caller says how long to wait. Raises as `chat` does."""

    def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        """POST, and the JSON object that each event of its stream holds. Raises as `chat` does."""

    async def close(self) -> None: ...
