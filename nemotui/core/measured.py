"""What was measured here before: starts, which teach the real overhead, and benchmarks, which replace a prediction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nemotui.core.hardware import Machine
from nemotui.core.memory import INPUT_TOKENS, OUTPUT_TOKENS, TYPICAL_REQUESTS, TYPICAL_TOKENS, MemoryPlan
from nemotui.core.phases import Expectation, Phase, learned
from nemotui.core.plan import LABEL
from nemotui.core.serve_args import memory_share, model_of, value_of

if TYPE_CHECKING:
    from nemotui.core.model_server import ServerMetrics
    from nemotui.core.ports import Container
    from nemotui.core.startup import StartupTracker

# What a run must have asked to be comparable with the published table.
_SHAPE = {
    "input_len": INPUT_TOKENS,
    "output_len": OUTPUT_TOKENS,
    "max_concurrency": TYPICAL_REQUESTS,
    "request_rate": None,
    "time_scale": 1.0,
}
# Flags that change the activations, the graphs or the buffers of a start.
_MOVING = ("--enforce-eager", "--max-num-batched-tokens", "--enable-expert-parallel", "--compilation-config", "-O")
_LEAST_REQUESTS = 2 * TYPICAL_REQUESTS  # two waves: the first alone is all prefill


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What must be the same for an earlier measurement to hold: the machine's GPUs by UUID, and what ran on them.

    Without GPUs `machine` and `gpu` are empty.

    What a start teaches is what vLLM takes besides weights and blocks: the CUDA context, the activations of a batch
    of `--max-num-batched-tokens`, CUDA graphs, NCCL's buffers. The image, the variant's kernels (3.89 GiB with FP8,
    4.56 GiB with NVFP4 on one H200), the number of GPUs and speculation move that, and so do the flags in `moved_by`.
    The context, the share of the memory, the KV dtype, prefix caching and how many sequences run at once do not: they
    fill the pool, which is what is left. (Graphs, for batches of 512 at most, took 0.7 GiB in all.)
    """

    machine: tuple[str, ...]
    gpu: str
    image: str
    variant: str
    tensor_parallel_size: int
    data_parallel_size: int = 1
    mtp_tokens: int = 0
    moved_by: tuple[str, ...] = ()

    def holds_for(self, other: Setup) -> bool:
        """The same machine, though a GPU may have been lost since or be hidden, and the same plan."""
        here = self.machine == other.machine or bool({*self.machine} & {*other.machine})
        return here and replace(self, machine=()) == replace(other, machine=())


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStart:
    """What one start taught: vLLM's memory in bytes per GPU, None where it did not say. `at` is unix seconds.

    `kv_cache_tokens` is the figure that it logs: requests of the full context at once, times that context.
    `phases_s` are the seconds of each phase; `compiled`: its graphs were compiled, not loaded from a cache.
    """

    setup: Setup
    at: float
    gpu_memory_utilization: float
    kv_cache_bytes: int | None = None
    weights_bytes: int | None = None
    blocks: int | None = None
    block_tokens: int | None = None
    kv_cache_tokens: int | None = None
    version: str | None = None
    phases_s: Mapping[Phase, float] = field(default_factory=dict)
    compiled: bool = False

    @property
    def expectation(self) -> Expectation | None:
        """How long the next start of this setup will take; None where the log of this one was not seen whole."""
        return learned(self.phases_s, compiled=self.compiled) if self.phases_s else None

    def overhead(self, planned: MemoryPlan) -> int | None:
        """What vLLM took besides the weights as `planned`, a plan of the same setup, counts them.

        None where it is not known, or the figures contradict each other.
        """
        pool = self.kv_cache_bytes
        if pool is None:
            return None
        if self.blocks is not None and self.block_tokens == planned.block_tokens:
            # The log rounds to hundredths of a GiB; the blocks are exact.
            least = self.blocks * planned.block_bytes
            pool = min(max(pool, least), least + planned.block_bytes - 1)
        overhead = int(planned.total * self.gpu_memory_utilization) - planned.weights - pool
        return overhead if 0 < overhead < planned.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredBench:
    """A stored benchmark of the published shape on a setup: output tokens/s, means in ms.

    `args` are the server's: with other settings it is not the plan that was measured.
    """

    setup: Setup
    args: tuple[str, ...]
    output_throughput: float
    mean_ttft_ms: float
    mean_itl_ms: float

    def holds_for(self, setup: Setup, args: tuple[str, ...]) -> bool:
        """The same setup, and the same arguments as far as they bear on the speed."""
        return self.setup.holds_for(setup) and _bearing_on_speed(self.args) == _bearing_on_speed(args)


def measured_start(
    container: Container, machine: Machine | None, tracker: StartupTracker, metrics: ServerMetrics | None, *, at: float
) -> MeasuredStart | None:
    """What this start taught; None where the log does not say it, and for a container whose setup cannot be told."""
    setup, figures = setup_of(container, machine), tracker.figures
    phases_s = tracker.durations() if tracker.phase == "ready" else {}
    if setup is None or (figures.kv_cache_bytes is None and not phases_s):
        return None
    return MeasuredStart(
        setup=setup,
        at=at,
        gpu_memory_utilization=memory_share(container.args),
        kv_cache_bytes=figures.kv_cache_bytes,
        weights_bytes=figures.weights_bytes,
        blocks=metrics.num_gpu_blocks if metrics else None,
        block_tokens=metrics.block_size if metrics else None,
        kv_cache_tokens=figures.kv_cache_tokens,
        version=figures.version,
        phases_s=phases_s,
        compiled=tracker.compiled or False,
    )


def measured_bench(
    container: Container, machine: Machine, spec: Mapping[str, Any], result: Mapping[str, Any]
) -> MeasuredBench | None:
    """A run as a measurement of its plan; None for another shape, failed requests, or a time that was scaled."""
    setup = setup_of(container, machine)
    same_shape = all(spec[name] == value for name, value in _SHAPE.items())
    whole = result.get("failed") == 0 and result.get("completed", 0) >= _LEAST_REQUESTS
    if setup is None or not same_shape or not whole:
        return None
    try:
        throughput, ttft, itl = (float(result[name]) for name in ("output_throughput", "mean_ttft_ms", "mean_itl_ms"))
    except (KeyError, TypeError, ValueError):
        return None
    if not all(0 < value < float("inf") for value in (throughput, ttft, itl)):
        return None
    return MeasuredBench(
        setup=setup, args=container.args, output_throughput=throughput, mean_ttft_ms=ttft, mean_itl_ms=itl
    )


def setup_of(container: Container, machine: Machine | None) -> Setup | None:
    """What a container of ours serves, and on what; None for others, and where the box has GPUs of several products.

    A model that is no variant of ours, such as one for the CPU, goes by its own name.
    """
    products = {gpu.name for gpu in machine.gpus} if machine else set()
    try:
        variant = container.labels[f"{LABEL}.variant"] or model_of(container.args)
        tensor_parallel_size = int(container.labels[f"{LABEL}.tensor-parallel-size"])
        data_parallel_size = int(value_of(container.args, "--data-parallel-size") or 1)
        speculative = json.loads(value_of(container.args, "--speculative-config") or "{}")
        mtp_tokens = int(speculative.get("num_speculative_tokens", 0))
        float(value_of(container.args, "--gpu-memory-utilization") or 0)
    except (KeyError, ValueError, AttributeError, TypeError):
        return None
    if len(products) > 1 or not variant:
        return None
    return Setup(
        machine=tuple(sorted(gpu.uuid for gpu in machine.gpus)) if machine else (),
        gpu="".join(products),
        image=container.image,
        variant=variant,
        tensor_parallel_size=tensor_parallel_size,
        data_parallel_size=data_parallel_size,
        mtp_tokens=mtp_tokens,
        moved_by=moving_overhead(container.args),
    )


def moving_overhead(args: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the server's arguments that change what it takes besides weights and blocks, as `flag=value`."""
    found = []
    for word, after in pairwise((*args, "")):
        name, _, value = word.partition("=")
        if name in _MOVING:
            found.append(f"{name}={value or ('' if after.startswith('-') else after)}")
    return tuple(sorted(found))


def newest_start(starts: Sequence[MeasuredStart], setup: Setup) -> MeasuredStart | None:
    """The last start of this setup."""
    return max((s for s in starts if s.setup.holds_for(setup)), key=lambda s: s.at, default=None)


def _bearing_on_speed(args: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """The arguments without the context, as long as the shape has room in it, and how many sequences of it run."""
    context, seqs = (value_of(args, flag) for flag in ("--max-model-len", "--max-num-seqs"))
    long_enough = context is None or not context.isdecimal() or int(context) >= TYPICAL_TOKENS
    at_once = min(int(seqs), TYPICAL_REQUESTS) if seqs and seqs.isdecimal() else TYPICAL_REQUESTS
    dropped = {"--max-num-seqs", *(("--max-model-len",) if long_enough else ())}
    kept = [word for before, word in pairwise(("", *args)) if word not in dropped and before not in dropped]
    return tuple(kept), at_once
