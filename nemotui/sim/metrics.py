"""/metrics as vLLM exports it: the same names, labels and buckets, by the same client library."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from nemotui.sim.settings import ServerSettings

_TTFT = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
    640,
    2560,
)
_ITL = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_REQUEST = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_LABELS = ("model_name", "engine")


class Metrics:
    """Counters since the server's start. Durations are seconds as a client would measure them, speed included."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._registry = CollectorRegistry()
        self.running = self._gauge("num_requests_running", "Number of requests in model execution batches.")
        self.waiting = self._gauge("num_requests_waiting", "Number of requests waiting to be processed.")
        self.kv_cache_usage = self._gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.")
        self.prompt_tokens = self._counter("prompt_tokens", "Number of prefill tokens processed.")
        self.generation_tokens = self._counter("generation_tokens", "Number of generation tokens processed.")
        self.prefix_queries = self._counter(
            "prefix_cache_queries", "Prefix cache queries, in terms of number of queried tokens."
        )
        self._counter("prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens.")
        self._counter("num_preemptions", "Cumulative number of preemption from the engine.")
        self.ttft = self._histogram("time_to_first_token_seconds", "time to first token in seconds.", _TTFT)
        self.itl = self._histogram("inter_token_latency_seconds", "inter-token latency in seconds.", _ITL)
        self.tpot = self._histogram(
            "request_time_per_output_token_seconds", "time_per_output_token_seconds per request.", _ITL
        )
        self.e2e = self._histogram("e2e_request_latency_seconds", "e2e request latency in seconds.", _REQUEST)
        self.queue_time = self._histogram(
            "request_queue_time_seconds", "time spent in WAITING phase for request.", _REQUEST
        )
        self.decode_time = self._histogram(
            "request_decode_time_seconds", "time spent in DECODE phase for request.", _REQUEST
        )
        self._success = Counter(
            "vllm:request_success",
            "Count of successfully processed requests.",
            (*_LABELS, "finished_reason"),
            registry=self._registry,
        )
        for reason in ("stop", "length", "abort"):
            self.finished(reason, 0)
        self._cache_config()

    def finished(self, reason: str, count: int = 1) -> None:
        """Count a request that ended: `stop`, `length` or `abort`."""
        self._success.labels(*self._values, reason).inc(count)

    def text(self) -> bytes:
        """The page, in Prometheus text format."""
        return generate_latest(self._registry)

    @property
    def _values(self) -> tuple[str, str]:
        return self._settings.served_model_names[0], "0"

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"vllm:{name}", text, _LABELS, registry=self._registry).labels(*self._values)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"vllm:{name}", text, _LABELS, registry=self._registry).labels(*self._values)

    def _histogram(self, name: str, text: str, buckets: Iterable[float]) -> Histogram:
        histogram = Histogram(
            f"vllm:{name}", f"Histogram of {text}", _LABELS, registry=self._registry, buckets=tuple(buckets)
        )
        return histogram.labels(*self._values)

    def _cache_config(self) -> None:
        s = self._settings
        facts = {
            "block_size": s.memory.block_tokens,
            "cache_dtype": "fp8",
            "enable_prefix_caching": True,
            "engine": 0,
            "gpu_memory_utilization": 0.92,
            "kv_cache_max_concurrency": s.memory.live_requests(s.max_model_len),
            "kv_cache_size_tokens": s.kv_cache_tokens,
            "mamba_cache_mode": "align",
            "mamba_ssm_cache_dtype": "float32",
            "num_gpu_blocks": s.memory.blocks,
        }
        info = Gauge(
            "vllm:cache_config_info",
            "Information of the LLMEngine CacheConfig",
            tuple(facts),
            registry=self._registry,
        )
        info.labels(*map(str, facts.values())).set(1)
