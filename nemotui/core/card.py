"""The model card: what is being deployed, each fact with its source."""

from __future__ import annotations

from nemotui.core.models import Fact, Model
from nemotui.core.show import gib


def model_card(model: Model) -> tuple[Fact, ...]:
    """Parameters, layers and context, the checkpoints, and whatever else the catalogue knows."""

    def fact(name: str, value: str) -> Fact:
        return Fact(name=name, value=value, source=model.source)

    layers = model.mamba_layers + model.moe_layers + model.attention_layers
    return (
        fact("name", model.name),
        fact(
            "parameters",
            f"{model.parameters / 1e9:.1f} B, of which a token uses {model.active_parameters / 1e9:.1f} B:"
            f" {model.active_experts} of {model.routed_experts} experts",
        ),
        fact(
            "layers",
            f"{layers}: {model.mamba_layers} Mamba-2, {model.moe_layers} mixture of experts,"
            f" {model.attention_layers} attention ({model.query_heads} query and {model.kv_heads} KV heads)",
        ),
        fact("context", f"{model.max_position:,} tokens"),
        *(
            Fact(
                name=variant.name,
                value=f"{variant.repo}, {gib(variant.disk_bytes)} on disk, {gib(variant.loaded_bytes)} loaded,"
                f" native from compute capability {variant.native_capability}",
                source=variant.source,
            )
            for variant in model.variants
        ),
        *model.facts,
    )
