"""A benchmark: what is asked, what a run reports while it goes, and the use case that follows one.

The run itself is a process (`nemotui.load`) that writes a directory (`nemotui.rundir`); this is its vocabulary.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from nemotui.core.chat import Mode
from nemotui.core.errors import NemotuiError, UsageError
from nemotui.core.models import PublishedRow

if TYPE_CHECKING:
    from nemotui.core.observe import Observation
    from nemotui.core.ports import LoadRunner
    from nemotui.core.stores import RunStore

Endpoint = Literal["chat", "completions"]
Phase = Literal["prepare", "warmup", "run"]
FailureKind = Literal[
    "refused", "reset", "timeout", "http_4xx", "http_5xx", "malformed", "early_end", "cancelled"
]  # "cancelled" is our own doing (the run was stopped) and is not counted as failed

MOST_WORKERS = 64
# What `--preset` fills in; `published` is the shape of the published table.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "published": {"input_len": 8192, "output_len": 1024, "num_prompts": 512, "max_concurrency": 32},
    "quick": {"input_len": 1024, "output_len": 128, "num_prompts": 32, "max_concurrency": 8},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSpec:
    """What to measure. Lengths in tokens; a wrong value raises `UsageError`.

    Closed loop without `request_rate`: a new request goes out when one has finished, `max_concurrency` at once (None:
    all). Open loop with it: arrivals a second, gamma with shape `burstiness` (1 is Poisson), and times count from the
    scheduled arrival, so that a slow server cannot slow down its own measurement. `timeout_s` bounds one request.
    `time_scale` above 1 says that the server's clock runs that much faster than life: such a result is no
    measurement. `model` None means the first that the server names. `metadata` is kept with the result, unread.
    `workers` are the processes that share the streams; None: as the expected chunks a second need. `keep_chunks`: does
    requests.jsonl keep the time of every chunk; None: up to a million of them.
    """

    base_url: str
    model: str | None = None
    input_len: int = 1024
    output_len: int = 128
    num_prompts: int = 32
    max_concurrency: int | None = None
    request_rate: float | None = None
    burstiness: float = 1.0
    mode: Mode = "full"
    endpoint: Endpoint = "chat"
    seed: int = 0
    label: str | None = None
    warmup: int = 1
    timeout_s: float = 3600.0
    time_scale: float = 1.0
    workers: int | None = None
    keep_chunks: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.base_url)
            known = url.scheme in ("http", "https") and url.hostname and url.port != 0
        except ValueError:  # a port out of range, half an IPv6 address
            known = False
        if not known:
            raise UsageError("usage", f"{self.base_url!r} is not the address of a server", "Give http://HOST:PORT.")
        if url.username or url.password or url.query:
            # The specification is written to disk and shown.
            raise UsageError(
                "usage", "the server's address carries a secret", "Give the key by NEMOTUI_API_KEY or --api-key-file."
            )
        for name, least in (("input_len", 1), ("output_len", 1), ("num_prompts", 1), ("max_concurrency", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError("usage", f"{_flag(name)} is {value}", f"Give {least} or more.")
        if self.warmup < 0:
            raise UsageError("usage", f"{_flag('warmup')} is {self.warmup}", "Give 0 or more.")
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            raise UsageError("usage", f"{_flag('workers')} is {self.workers}", f"Give 1 to {MOST_WORKERS}.")
        for name in ("request_rate", "burstiness", "timeout_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError("usage", f"{_flag(name)} is {value:g}", "Give a number above 0.")
        if not 1 <= self.time_scale < float("inf"):
            raise UsageError("usage", f"{_flag('time_scale')} is {self.time_scale:g}", "Give 1 or more.")
        for name, words in (("mode", ("full", "low", "off")), ("endpoint", ("chat", "completions"))):
            if getattr(self, name) not in words:
                raise UsageError("usage", f"{_flag(name)} is {getattr(self, name)!r}", f"Give {', '.join(words)}.")

    @property
    def server(self) -> str:
        """The address without a trailing `/` or `/v1`."""
        return self.base_url.rstrip("/").removesuffix("/v1")

    @property
    def open_loop(self) -> bool:
        """Whether arrivals are scheduled by rate."""
        return self.request_rate is not None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request failed: a kind to count by and one plain sentence."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One finished request, a line of requests.jsonl.

    `scheduled_s` and `sent_s` are seconds since the run's clock started (`sent_s` None: nothing was sent); all `_us`
    are whole microseconds since it was sent. A *token chunk* holds a piece of content, reasoning or tool calls:
    `token_us` are their times, `other_us` those of the remaining chunks with `choices` (the role, an empty finish).
    TTFT is the first token chunk, TTFA the first of content, E2EL the last token chunk or the finish, `end_us` the
    last event of any kind. Where the times of chunks are not kept, `token_us` are the first and the last, and
    `unkept` counts those between. `coalesced` are the token chunks that one read brought together with one before: of
    these the time is that of the last. `connect_us` is what opening its connection took, None where one was open.
    Counts are the server's own (`usage`).
    """

    index: int
    scheduled_s: float
    sent_s: float | None = None
    ttfb_us: int | None = None
    ttft_us: int | None = None
    ttfa_us: int | None = None
    e2el_us: int | None = None
    end_us: int | None = None
    token_us: tuple[int, ...] = ()
    other_us: tuple[int, ...] = ()
    unkept: int = 0
    coalesced: int = 0
    connect_us: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """The two figures that a chart draws, milliseconds; None where nothing was seen."""

    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePoint:
    """What is drawn, four times a second; a line of timeline.jsonl.

    `elapsed_s` counts from the run's clock (0 before it started). `in_flight` are sent and unfinished, `waiting` those
    due that have no token yet. `ttft`, `itl` and `output_throughput` (tokens/s) are of the last second, `*_so_far` of
    the whole run and within 1 % (result.json is exact); `*_histogram` are (lower edge in ms, samples).

    `prepared` is the share of the prompts that are ready, None after the phase of that name. The clock watches itself:
    `lag_p99_us` (from a chunk's arrival to its reading) and `worker_cpu` (of the busiest load process, in cores) are of
    the last second, `coalesced_share` (of the chunks, read together with the one before) and `clock_steps` (how often
    the machine's clock was set) of the whole run.
    """

    phase: Phase
    elapsed_s: float
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    waiting: int = 0
    output_throughput: float = 0.0
    ttft: Quantiles = Quantiles()
    itl: Quantiles = Quantiles()
    ttft_so_far: Quantiles = Quantiles()
    itl_so_far: Quantiles = Quantiles()
    ttft_histogram: tuple[tuple[float, int], ...] = ()
    itl_histogram: tuple[tuple[float, int], ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    prepared: float | None = None
    lag_p99_us: int | None = None
    coalesced_share: float | None = None
    worker_cpu: float | None = None
    clock_steps: int = 0


@dataclass(frozen=True, slots=True)
class BenchStarted:
    """A run exists: its directory."""

    run: str


@dataclass(frozen=True, slots=True)
class BenchProgress:
    """The run's latest aggregate."""

    point: TimelinePoint


@dataclass(frozen=True, slots=True)
class BenchObserved:
    """What stands beside the run now."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class BenchFinished:
    """The run's result.json. Look at `failed`, `complete` and `interrupted` before praising it."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BenchFailed:
    """There is no result: the run could not start, or its process died."""

    error: NemotuiError


BenchEvent = BenchStarted | BenchProgress | BenchObserved | BenchFinished | BenchFailed


async def run_bench(load: LoadRunner, spec: BenchSpec, environment: Mapping[str, Any]) -> AsyncGenerator[BenchEvent]:
    """Start a run and follow it. Closing this generator leaves the run going: `LoadRunner.stop` ends it."""
    try:
        run = await load.start(spec, environment)
    except NemotuiError as error:
        yield BenchFailed(error)
        return
    async with aclosing(follow_bench(load, run)) as events:
        async for event in events:
            yield event


async def beside_others(spec: BenchSpec, runs: RunStore) -> BenchSpec:
    """The specification, with the names of the runs that go on at the same server: they will share it."""
    others = [run.name for run in await runs.running() if run.spec and run.spec.server == spec.server]
    return replace(spec, metadata={**spec.metadata, "beside": others}) if others else spec


async def follow_bench(load: LoadRunner, run: str) -> AsyncGenerator[BenchEvent]:
    """A run that somebody started, from its beginning, whether it still goes or ended long ago."""
    yield BenchStarted(run)
    try:
        async with aclosing(load.follow(run)) as points:
            async for point in points:
                yield BenchProgress(point) if isinstance(point, TimelinePoint) else BenchObserved(point)
        yield BenchFinished(await load.result(run))
    except NemotuiError as error:
        yield BenchFailed(error)


def check_lengths(spec: BenchSpec, max_model_len: int | None) -> None:
    """Raises `UsageError` where prompt and answer cannot fit the server's context; None: it does not say how long."""
    if max_model_len is not None and spec.input_len + spec.output_len > max_model_len:
        raise UsageError(
            "too_long",
            f"{spec.input_len:,} tokens in and {spec.output_len:,} out are more than the server's context of"
            f" {max_model_len:,}",
            "Give shorter ones with --input-len and --output-len, or deploy with a longer --context.",
        )


_SHAPE = ("input_len", "output_len", "num_prompts", "max_concurrency")
_COMPARED = ("output_throughput", "total_token_throughput", "mean_ttft_ms", "mean_itl_ms")


def published_comparison(result: Mapping[str, Any], row: PublishedRow) -> dict[str, Any]:
    """A result beside a published row: `{"row", "comparable", "reason", "output_throughput", "…_ratio", …}`.

    Ratios are ours over published, from `as_vllm`, since the rows were made with that tool; None, with the reason,
    where the two did not measure the same thing.
    """
    differing = [
        f"{name} {result[name]} instead of {getattr(row, name)}"
        for name in _SHAPE
        if result[name] != getattr(row, name)
    ]
    if result["time_scaled"]:
        reason = "the server's time is scaled"
    elif not result["complete"]:
        reason = "the run is not complete"
    elif result["failed"]:
        reason = f"{result['failed']} requests failed"
    elif result["request_rate"] != "inf":
        reason = "requests came by rate"
    elif differing:
        reason = ", ".join(differing)
    else:
        reason = None
    ours = {} if reason else result["as_vllm"]
    ratios = {
        f"{name}_ratio": None if ours.get(name) is None else ours[name] / getattr(row, name) for name in _COMPARED
    }
    figures = {name: getattr(row, name) for name in _COMPARED}
    return {"row": row.name, "comparable": reason is None, "reason": reason, **figures, **ratios}
