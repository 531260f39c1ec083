"""What to expect of a plan at the published benchmark's shape: 8192 tokens in, 1024 out, 32 requests at once.

Where that hardware was published, its row; else a small roofline. In a closed loop of n equal requests the prompts of a
wave are prefilled one after another and then all decode together: with p seconds a prompt and d seconds a decode step,

    cycle = n·p + output·d     TTFT = p·(n + 1)/2     ITL = (cycle − TTFT)/(output − 1)     throughput = n·output/cycle

    p = FLOPs of a prompt / (efficiency · peak FLOPs) + seconds a token that no GPU shares
    d = bytes a step reads / (efficiency · bandwidth) + seconds a step for each doubling of the GPUs that step together

The three constants are fitted on the five published rows (`tests/core/fitting.py`); `tests/core/test_predict.py` holds
how far each row is missed when it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, pow, sqrt
from typing import Literal

from nemotui.core.catalog_entry import capability
from nemotui.core.chip import Chip
from nemotui.core.measured import MeasuredBench
from nemotui.core.memory import INPUT_TOKENS, OUTPUT_TOKENS, TYPICAL_REQUESTS, TYPICAL_TOKENS, MemoryPlan
from nemotui.core.models import Catalog, Model, PublishedRow, Variant

Source = Literal["published", "computed", "measured"]
Band = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """What the roofline does not know by itself."""

    efficiency: float  # share of the peak FLOPs and of the peak bandwidth that is reached
    prefill_s_per_token: float  # work of a prompt that more or faster GPUs do not shorten
    step_s_per_doubling: float  # all-reduces of one decode step, once for each doubling of the GPUs in it


FITTED = Constants(efficiency=0.749, prefill_s_per_token=2.66e-5, step_s_per_doubling=1.84e-3)
# The worst figure of a row that is left out of the fit is off by a factor of 1.25 (ITL on 4×A100).
COMPUTED_BAND = 1.35
WEAKER_BAND = 1.5  # where no published row is like it
_KNOWN_BAND = 1.1  # another run, driver or release of vLLM


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Single figures: output tokens/s of all copies together, means in ms."""

    output_throughput: float
    mean_ttft_ms: float
    mean_itl_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The same as (low, high), and where they come from: `factor` below and above what was found.

    `weaker` says, as a phrase, why a computed one is less sure than those that were checked on the published rows.
    """

    output_throughput: Band
    mean_ttft_ms: Band
    mean_itl_ms: Band
    source: Source
    factor: float
    weaker: str | None = None


def middle(band: Band) -> float:
    """What a band was drawn around."""
    return sqrt(band[0] * band[1])


def predict(
    model: Model,
    chip: Chip,
    variant: Variant,
    memory: MemoryPlan,
    *,
    tensor_parallel_size: int,
    data_parallel_size: int = 1,
    max_num_seqs: int,
    row: PublishedRow | None = None,
    bench: MeasuredBench | None = None,
    weaker: str | None = None,
) -> Prediction:
    """What the published benchmark would give on this plan, without speculation.

    `bench` is what just this plan gave here before, `row` what was published of it. `weaker`: why no published row is
    like it, where that is so.
    """
    if bench:
        return _prediction(bench, _KNOWN_BAND, "measured")
    if row:
        return _prediction(row, _KNOWN_BAND, "published")
    clients = TYPICAL_REQUESTS / data_parallel_size
    at_once = max(1.0, min(clients, max_num_seqs, memory.live_requests(TYPICAL_TOKENS)))
    found = compute(
        model,
        chip,
        variant,
        memory,
        tensor_parallel_size=tensor_parallel_size,
        data_parallel_size=data_parallel_size,
        clients=clients,
        at_once=at_once,
    )
    return _prediction(found, WEAKER_BAND if weaker else COMPUTED_BAND, "computed", weaker)


def published_row(catalog: Catalog, chip: Chip, variant: Variant, tensor_parallel_size: int) -> PublishedRow | None:
    """The published row of just this hardware and variant."""
    wanted = (chip.name, variant.name, tensor_parallel_size, tensor_parallel_size)
    rows = catalog.published
    return next((r for r in rows if (r.chip, r.variant, r.count, r.tensor_parallel_size) == wanted), None)


def compute(
    model: Model,
    chip: Chip,
    variant: Variant,
    memory: MemoryPlan,
    *,
    tensor_parallel_size: int,
    data_parallel_size: int = 1,
    clients: float = TYPICAL_REQUESTS,
    at_once: float = TYPICAL_REQUESTS,
    constants: Constants = FITTED,
) -> Estimate:
    """The roofline. `clients` ask each copy, of whose requests `at_once` run; the others wait for their turn."""
    prompt_s = _prompt_s(model, chip, variant, tensor_parallel_size, constants)
    step_bytes = _step_bytes(model, variant, memory, tensor_parallel_size, data_parallel_size, at_once)
    step_s = step_bytes / (constants.efficiency * chip.bandwidth_bytes_per_s)
    # Copies share the routed experts, so that all of them take each step together.
    step_s += constants.step_s_per_doubling * log2(tensor_parallel_size * data_parallel_size)
    cycle_s = at_once * prompt_s + OUTPUT_TOKENS * step_s
    running_ttft_s = prompt_s * (at_once + 1) / 2
    waiting_s = cycle_s * (clients - at_once) / at_once
    return Estimate(
        output_throughput=data_parallel_size * at_once * OUTPUT_TOKENS / cycle_s,
        mean_ttft_ms=(waiting_s + running_ttft_s) * 1000,
        mean_itl_ms=(cycle_s - running_ttft_s) / (OUTPUT_TOKENS - 1) * 1000,
    )


def _prompt_s(model: Model, chip: Chip, variant: Variant, tp: int, constants: Constants) -> float:
    peak = None
    if capability(chip.compute_capability) >= capability(variant.native_capability):
        peak = {"NVFP4": chip.fp4_flops, "FP8": chip.fp8_flops, "BF16": chip.bf16_flops}[variant.name]
    # Below its native capability a checkpoint is unpacked and multiplied in 16 bits.
    flops = 2 * model.active_parameters * INPUT_TOKENS / tp
    return flops / (constants.efficiency * (peak or chip.bf16_flops)) + constants.prefill_s_per_token * INPUT_TOKENS


def _step_bytes(model: Model, variant: Variant, memory: MemoryPlan, tp: int, dp: int, at_once: float) -> float:
    """What one GPU reads and writes for one token of each of `at_once` requests of each copy."""
    experts = model.routed_parameters * variant.weight_bits / 8
    # Each token picks its own experts: a batch soon reads most of them.
    touched = 1 - pow(1 - model.active_experts / model.routed_experts, at_once * dp)
    weights = (variant.loaded_bytes - experts + experts * touched / dp) / tp
    state = 2 * memory.state_bytes_per_sequence  # read and written back
    keys_values = (INPUT_TOKENS + OUTPUT_TOKENS / 2) * memory.kv_bytes_per_token * model.attention_layers
    return weights + at_once * (state + keys_values)


def _prediction(
    found: Estimate | PublishedRow | MeasuredBench, factor: float, source: Source, weaker: str | None = None
) -> Prediction:
    def band(value: float) -> Band:
        return value / factor, value * factor

    return Prediction(
        output_throughput=band(found.output_throughput),
        mean_ttft_ms=band(found.mean_ttft_ms),
        mean_itl_ms=band(found.mean_itl_ms),
        source=source,
        factor=factor,
        weaker=weaker,
    )
