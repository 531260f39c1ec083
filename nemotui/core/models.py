"""What the catalogue says: the model and its variants, the published benchmark rows, and all of it together.

The figures live as data in `nemotui/catalog/*.toml`, each entry with its source; these are their shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from nemotui.core.catalog_entry import capability, check_entry
from nemotui.core.chip import Chip
from nemotui.core.gates import Gates
from nemotui.core.release import Release, release_of

if TYPE_CHECKING:
    from nemotui.core.lab_prompts import LabPrompt
    from nemotui.core.measured import MeasuredBench, MeasuredStart

VariantName = Literal["NVFP4", "FP8", "BF16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One checkpoint of the model. Capabilities are CUDA compute capabilities such as "8.9".

    `min_capability`: below it vLLM refuses; `min_capability_until` says so for older releases, each up to and with its
    key. `native_capability`: below it vLLM falls back to weight-only kernels
    (Marlin), which nobody has published for this model, so a plan there is "experimental". `loaded_bytes`: what the
    whole model takes on the GPUs together, without MTP. `weight_bits`: of a routed expert, its scales included.
    """

    name: VariantName
    repo: str
    disk_bytes: int
    loaded_bytes: int
    weight_bits: float
    checkpoint_kv_dtype: Literal["fp8", "bfloat16"]
    min_capability: str
    native_capability: str
    min_capability_until: Mapping[str, str] = field(default_factory=dict)
    source: str

    def least_capability(self, release: Release | None) -> str:
        """The gate of a release; None is the newest."""
        older = [(release_of(until), gate) for until, gate in self.min_capability_until.items()]
        holding = [(until, gate) for until, gate in older if release is not None and release <= until]
        return min(holding)[1] if holding else self.min_capability

    def __post_init__(self) -> None:
        for until, gate in self.min_capability_until.items():
            release_of(until)
            capability(gate)
        capability(self.min_capability)
        capability(self.native_capability)
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something to know of a model that nothing is computed from: its licence, its report."""

    name: str
    value: str
    source: str

    def __post_init__(self) -> None:
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The architecture's numbers that the memory plan and the prediction need. Counts are layers, heads, elements.

    Of `parameters`, `routed_parameters` lie in `routed_experts` experts of which each token uses `active_experts`.
    `mtp_bytes` are the weights that speculative decoding adds.
    """

    name: str
    served_model_name: str
    parameters: int
    active_parameters: int
    routed_parameters: int
    routed_experts: int
    active_experts: int
    attention_layers: int
    mamba_layers: int
    moe_layers: int
    query_heads: int
    kv_heads: int
    head_dim: int
    mamba_heads: int
    mamba_head_dim: int
    mamba_state: int
    mamba_conv_width: int
    mamba_conv_channels: int
    max_position: int
    mtp_bytes: int
    variants: tuple[Variant, ...]
    facts: tuple[Fact, ...] = ()
    source: str

    def __post_init__(self) -> None:
        check_entry(self, may_be_zero="mtp_bytes")  # a model without it
        for part, whole in (
            ("active_parameters", "parameters"),
            ("routed_parameters", "parameters"),
            ("active_experts", "routed_experts"),
        ):
            if getattr(self, part) > getattr(self, whole):
                raise ValueError(f"{part} must not be more than {whole}")
        if not self.variants:
            raise ValueError("variants must hold at least one checkpoint")
        for variant in self.variants:
            if variant.loaded_bytes < self.routed_parameters * variant.weight_bits / 8:
                raise ValueError(f"loaded_bytes of {variant.name} must be more than its routed experts alone take")

    def variant(self, name: str) -> Variant | None:
        """The variant of that name, or None."""
        return next((v for v in self.variants if v.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One column of the published benchmark: 8192 in, 1024 out, 512 prompts, 32 at once; tokens/s and means in ms."""

    name: str
    chip: str
    count: int
    variant: VariantName
    tensor_parallel_size: int
    input_len: int
    output_len: int
    num_prompts: int
    max_concurrency: int
    output_throughput: float
    total_token_throughput: float
    mean_ttft_ms: float
    mean_itl_ms: float
    source: str

    def __post_init__(self) -> None:
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that ships as data, plus what a user's own file adds: chips, and other models of this family.

    `starts` and `benchmarks`, newest first, were measured on this machine before. `prompts` are the lab's.
    """

    model: Model
    gates: Gates
    chips: tuple[Chip, ...]
    published: tuple[PublishedRow, ...]
    others: tuple[Model, ...] = ()
    starts: tuple[MeasuredStart, ...] = ()
    benchmarks: tuple[MeasuredBench, ...] = ()
    prompts: tuple[LabPrompt, ...] = ()

    def serving(self, repo: str | None) -> Catalog:
        """The catalogue for the model that has a checkpoint in `repo`; nothing was published of the other models."""
        for model in self.others:
            if any(variant.repo == repo for variant in model.variants):
                return replace(self, model=model, published=())
        return self

    def disk_bytes(self, repo: str) -> int | None:
        """What a checkpoint weighs on disk; None for one that is not listed."""
        variants = (variant for model in (self.model, *self.others) for variant in model.variants)
        return next((variant.disk_bytes for variant in variants if variant.repo == repo), None)

    def chip(self, gpu_name: str) -> Chip | None:
        """The chip whose longest listed name begins the driver's name for the GPU; None where none does."""
        named = [(len(n), c) for c in self.chips for n in c.names if gpu_name.startswith(n)]
        return max(named, key=lambda pair: pair[0])[1] if named else None
