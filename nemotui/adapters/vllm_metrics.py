"""vLLM's /metrics, in Prometheus' text format, as figures."""

from __future__ import annotations

from collections.abc import Mapping

from nemotui.core.model_server import Observed, ServerMetrics
from nemotui.core.plausible import MOST_OF_A_SERVER, plausible


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
