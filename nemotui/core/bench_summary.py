"""From requests to figures: `Summary` for the result, exact; `Live` for the screen, cheap. Memory flat in both."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import sub
from typing import Any

from nemotui.core.bench import BenchSpec, Phase, Quantiles, RequestRecord, TimelinePoint
from nemotui.core.bench_clock import BURST_US, Chunks, ClockWatch, clock_verdict
from nemotui.core.histogram import Histogram

PERCENTILES = (50, 90, 95, 99)

TEMPLATE_TOKENS = 64  # what a chat template may add to a prompt without a word about it


class _Quantities:
    """TTFT, TPOT, ITL and E2EL by one set of definitions."""

    def __init__(self) -> None:
        self.ttft, self.tpot, self.itl, self.e2el = (Histogram() for _ in range(4))

    def fields(self) -> dict[str, float | None]:
        return {
            k: v for name in ("ttft", "tpot", "itl", "e2el") for k, v in _statistics(name, getattr(self, name)).items()
        }

    def merge(self, other: _Quantities) -> None:
        for name in ("ttft", "tpot", "itl", "e2el"):
            getattr(self, name).merge(getattr(other, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Histograms of a run's ITL in whole microseconds: (µs, samples), the shortest first."""

    itl_us: tuple[tuple[int, int], ...]
    itl_as_vllm_us: tuple[tuple[int, int], ...]


def _ms(us: float | None) -> float | None:
    return None if us is None else us / 1000


def _statistics(name: str, histogram: Histogram) -> dict[str, float | None]:
    percentiles = dict(zip(PERCENTILES, map(_ms, histogram.percentiles(*PERCENTILES)), strict=True))
    return {
        f"mean_{name}_ms": _ms(histogram.mean()),
        f"median_{name}_ms": percentiles[50],
        f"std_{name}_ms": _ms(histogram.std()),
        **{f"p{q}_{name}_ms": value for q, value in percentiles.items()},
    }


class Summary:
    """Takes finished requests one at a time; failed ones are counted by kind and enter no statistic."""

    def __init__(self, spec: BenchSpec) -> None:
        self.spec = spec
        self.completed = 0
        self.errors: Counter[str] = Counter()
        self._error_samples: dict[str, str] = {}  # kind to the words of its first failure
        self.chunks = 0  # token chunks of completed requests
        self._coalesced = 0
        self._ours, self._vllm = _Quantities(), _Quantities()
        self._ttfa, self._connect = Histogram(), Histogram()
        self._tokens: Counter[str] = Counter()
        self._told: Counter[str] = Counter()  # completed requests whose usage told this count

    @property
    def failed(self) -> int:
        """Requests that the server or the network failed; those we cancelled are not among them."""
        return self.errors.total() - self.errors["cancelled"]

    def total(self, count: str) -> int | None:
        """The sum of a `usage` count over completed requests; None when one of them did not tell it."""
        return self._tokens[count] if self.completed and self._told[count] == self.completed else None

    @property
    def tokens_per_chunk(self) -> float | None:
        """Output tokens by `usage` over token chunks."""
        tokens = self.total("completion_tokens")
        return tokens / self.chunks if tokens is not None and self.chunks else None

    def add(self, record: RequestRecord) -> None:
        """Count one request."""
        if record.failure is not None:
            self.errors[record.failure.kind] += 1
            if record.failure.kind != "cancelled":
                self._error_samples.setdefault(record.failure.kind, record.failure.message)
            return
        if record.ttft_us is None or record.e2el_us is None or record.end_us is None or not record.token_us:
            raise ValueError(f"request {record.index} neither failed nor has a token")
        self.completed += 1
        self.chunks += len(record.token_us) + record.unkept
        self._coalesced += record.coalesced
        if record.connect_us is not None:
            self._connect.add(record.connect_us)
        for count in ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"):
            if (value := getattr(record, count)) is not None:
                self._tokens[count] += value
                self._told[count] += 1
        # An open loop measures from the moment at which a user would have asked (no coordinated omission).
        late = 0
        if self.spec.open_loop and record.sent_s is not None:
            late = round((record.sent_s - record.scheduled_s) * 1e6)
        gaps = record.completion_tokens - 1 if record.completion_tokens is not None else 0
        self._ours.ttft.add(record.ttft_us + late)
        self._ours.e2el.add(record.e2el_us + late)
        if record.ttfa_us is not None:
            self._ttfa.add(record.ttfa_us + late)
        chunks = sorted(record.token_us + record.other_us)
        self._vllm.ttft.add(chunks[0])
        self._vllm.e2el.add(record.end_us)
        if not record.unkept:
            self._ours.itl.update(_gaps(record.token_us))
            self._vllm.itl.update(_gaps(chunks))
        if gaps > 0:
            self._ours.tpot.add(round((record.token_us[-1] - record.token_us[0]) / gaps))
            self._vllm.tpot.add(round((record.end_us - chunks[0]) / gaps))

    def merge(self, other: Summary) -> None:
        """Count all the times that `other` has counted."""
        self._ours.merge(other._ours)
        self._ttfa.merge(other._ttfa)

    def gaps(self) -> Gaps:
        """The gaps between chunks, ours and as vLLM counts them: all that requests may not keep themselves."""
        return Gaps(itl_us=tuple(self._ours.itl.items()), itl_as_vllm_us=tuple(self._vllm.itl.items()))

    def add_gaps(self, gaps: Gaps) -> None:
        """Count the gaps of requests that were added without them."""
        self._ours.itl.merge(Histogram.of(gaps.itl_us))
        self._vllm.itl.merge(Histogram.of(gaps.itl_as_vllm_us))

    def times(self) -> dict[str, float | None]:
        """The statistics of TTFT, TPOT, ITL, E2EL and TTFA in milliseconds, by their names in the result."""
        return {**self._ours.fields(), **_statistics("ttfa", self._ttfa)}

    def result(self, duration_s: float, watch: ClockWatch | None = None) -> dict[str, Any]:
        """The fields of `vllm bench serve --save-result` and ours, all None-able; `watch` is unknown of a dead run."""
        spec = self.spec
        tokens_in, tokens_out = self.total("prompt_tokens"), self.total("completion_tokens")
        tokens = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out

        def rate(count: int | None) -> float | None:
            return None if not count or duration_s <= 0 else count / duration_s

        totals: dict[str, Any] = {
            "completed": self.completed,
            "failed": self.failed,
            "total_input_tokens": tokens_in,
            "total_output_tokens": tokens_out,
            "duration": duration_s,
            "request_throughput": rate(self.completed),
            "output_throughput": rate(tokens_out),
            "total_token_throughput": rate(tokens),
        }
        return {
            "endpoint_type": "openai-chat" if spec.endpoint == "chat" else "openai",
            "label": spec.label,
            "model_id": spec.model,
            "input_len": spec.input_len,
            "output_len": spec.output_len,
            "num_prompts": spec.num_prompts,
            "max_concurrency": spec.max_concurrency,
            "request_rate": spec.request_rate or "inf",
            "burstiness": spec.burstiness,
            "mode": spec.mode,
            "seed": spec.seed,
            "warmup": spec.warmup,
            "time_scale": spec.time_scale,
            "time_scaled": spec.time_scale != 1,
            "measured_from": "schedule" if spec.open_loop else "send",
            **totals,
            "cancelled": self.errors["cancelled"],
            "errors": {kind: n for kind, n in sorted(self.errors.items()) if n},
            "error_samples": dict(sorted(self._error_samples.items())),
            "notes": self._notes(tokens_in, tokens_out),
            "total_reasoning_tokens": self.total("reasoning_tokens"),
            "total_cached_tokens": self.total("cached_tokens"),
            **self.times(),
            "mean_connect_ms": _ms(self._connect.mean()),
            "p99_connect_ms": _ms(self._connect.percentile(99)),
            "tokens_per_chunk": self.tokens_per_chunk,
            "as_vllm": {**totals, **self._vllm.fields()},
            "clock": clock_verdict(spec, watch or ClockWatch(), self._chunks()),
            "metadata": dict(spec.metadata),
        }

    def _notes(self, tokens_in: int | None, tokens_out: int | None) -> list[str]:
        """Where the server did not do what was asked, by its own counts."""
        spec, notes = self.spec, []
        if tokens_in is not None and abs(tokens_in / self.completed - spec.input_len) > TEMPLATE_TOKENS:
            notes.append(
                f"a prompt had {tokens_in / self.completed:,.0f} tokens on average instead of {spec.input_len:,}"
            )
        if tokens_out is not None and tokens_out != self.completed * spec.output_len:
            mean = tokens_out / self.completed
            notes.append(f"an answer had {mean:,.1f} tokens on average instead of {spec.output_len:,}")
        return notes

    def _chunks(self) -> Chunks:
        close = self._ours.itl.below(BURST_US)  # a gap of chunks that were read together is nothing
        return Chunks(
            all=self.chunks,
            coalesced=self._coalesced,
            bursts=max(0, close - self._coalesced),
            tokens_per_chunk=self.tokens_per_chunk,
            request_us=self._ours.e2el.mean(),
        )


def summarise(spec: BenchSpec, records: Iterable[RequestRecord], duration_s: float | None = None) -> Mapping[str, Any]:
    """The result of finished requests, as after reading them back from requests.jsonl.

    Without `duration_s` it lasted until the last of them ended. Raises `ValueError` for a record that cannot be.
    """
    summary, last_s = Summary(spec), 0.0
    for record in records:
        summary.add(record)
        last_s = max(last_s, (record.sent_s or 0.0) + (record.end_us or 0) / 1e6)
    return summary.result(last_s if duration_s is None else duration_s)


def _gaps(times: Iterable[int]) -> Iterable[int]:
    times = tuple(times)
    return map(sub, times[1:], times)


class Live:
    """What the screen shows while requests run: fed with what is new, read by `point` four times a second.

    A request is `due`, then `sent`, may be `streaming` once it has a token, then ends; these are how many are so now.
    """

    WINDOW = 4  # points, so a second

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._ttft, self._itl = Histogram(), Histogram()  # the whole run, rounded to 1 %
        self._recent: deque[tuple[float, int, Histogram, Histogram, Histogram]] = deque(maxlen=self.WINDOW)
        self._at = 0.0
        self._chunks = 0
        self.new_ttft_us: list[int] = []
        self.new_gaps_us: list[int] = []
        self.new_lag_us: list[int] = []
        self.coalesced = 0  # token chunks so far that one read brought with the one before
        self.due = self.sent = self.streaming = 0
        self.worker_cpu: float | None = None
        self.clock_steps = 0
        self.prepared: float | None = None

    def point(self, phase: Phase, elapsed_s: float) -> TimelinePoint:
        """The aggregate now; call it at an even pace."""
        chunks = len(self.new_ttft_us) + len(self.new_gaps_us)
        ttft, itl, lag = (Histogram(new).rounded() for new in (self.new_ttft_us, self.new_gaps_us, self.new_lag_us))
        self.new_ttft_us, self.new_gaps_us, self.new_lag_us = [], [], []
        self._ttft.merge(ttft)
        self._itl.merge(itl)
        self._chunks += chunks
        self._recent.append((elapsed_s - self._at, chunks, ttft, itl, lag))
        self._at = elapsed_s
        seconds = sum(span for span, *_ in self._recent)
        window = tuple(Histogram() for _ in range(3))
        for _, _, *news in self._recent:
            for whole, new in zip(window, news, strict=True):
                whole.merge(new)
        # Only `usage`, at the end of a request, says how many tokens a chunk holds.
        tokens = sum(n for _, n, *_ in self._recent) * (self._summary.tokens_per_chunk or 1)
        lag_p99_us = window[2].percentile(99)
        return TimelinePoint(
            phase=phase,
            elapsed_s=round(elapsed_s, 3),
            done=self._summary.completed,
            failed=self._summary.failed,
            in_flight=self.sent,
            waiting=self.due - self.streaming,
            output_throughput=round(tokens / seconds, 1) if seconds > 0 else 0.0,
            ttft=_quantiles(window[0]),
            itl=_quantiles(window[1]),
            ttft_so_far=_quantiles(self._ttft),
            itl_so_far=_quantiles(self._itl),
            ttft_histogram=_buckets_ms(self._ttft),
            itl_histogram=_buckets_ms(self._itl),
            errors=dict(self._summary.errors),
            prepared=self.prepared,
            lag_p99_us=None if lag_p99_us is None else round(lag_p99_us),
            coalesced_share=self.coalesced / self._chunks if self._chunks else None,
            worker_cpu=self.worker_cpu,
            clock_steps=self.clock_steps,
        )


def _quantiles(histogram: Histogram) -> Quantiles:
    p50, p99 = histogram.percentiles(50, 99)
    return Quantiles(p50_ms=_ms(p50), p99_ms=_ms(p99))


def _buckets_ms(histogram: Histogram) -> tuple[tuple[float, int], ...]:
    return tuple((us / 1000, n) for us, n in histogram.buckets())
