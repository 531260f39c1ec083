"""The arguments of `vllm serve`, each with why it is there and who says so.

The command is made of these, so that what is explained and what is run cannot differ.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nemotui.core.plan import Plan

_MEMORY = "our memory plan of this model (vLLM 0.33 source, checked on an H200)"
_VLLM = "vLLM 0.33 source: arg_utils.py"
_RECIPES = "vllm-project/recipes for this model"
_NVIDIA = "NVIDIA's serving notes for every checkpoint of this model"
_GUIDE = "the published guide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """`words` as they stand in the command, the flag's name first; `why` and `source` are phrases."""

    words: tuple[str, ...]
    why: str
    source: str


def vllm_flags(plan: Plan) -> tuple[Flag, ...]:
    """What follows the image in `docker run`: the model, the flags, and the user's own arguments last."""
    flags = _published(plan) if plan.as_published else _ours(plan)
    if plan.extra_args:
        flags.append(Flag(words=plan.extra_args, why="as you gave them after --", source="you"))
    return tuple(flags)


def vllm_args(plan: Plan) -> tuple[str, ...]:
    """The same as the words of the command."""
    return tuple(word for flag in vllm_flags(plan) for word in flag.words)


def _published(plan: Plan) -> list[Flag]:
    """The guide's own: no parsers, no `--max-num-seqs`, the model by its deprecated flag."""
    return [
        Flag(words=("--model", plan.model), why="the checkpoint, by a flag that vLLM warns of", source=_GUIDE),
        Flag(words=("--served-model-name", plan.served_model_name), why="the name that clients send", source=_GUIDE),
        _tensor_parallel(plan, _GUIDE),
    ]


def _ours(plan: Plan) -> list[Flag]:
    flags = [
        Flag(words=(plan.model,), why="the checkpoint", source="the catalogue, or --model-path"),
        Flag(
            words=("--served-model-name", plan.served_model_name),
            why="a short name for clients, without the slash that some of them refuse",
            source=_GUIDE,
        ),
        Flag(
            words=("--trust-remote-code",),
            why="older releases read the architecture from the repository",
            source=_RECIPES,
        ),
        _tensor_parallel(plan, "the ranking of plans, or --tp"),
    ]
    if plan.data_parallel_size > 1:
        flags.append(
            Flag(
                words=("--data-parallel-size", str(plan.data_parallel_size)),
                why="copies behind one port, each with its own KV cache; the experts are shared",
                source="vLLM: serving/data_parallel_deployment",
            )
        )
    if plan.expert_parallel:
        flags.append(
            Flag(
                words=("--enable-expert-parallel",),
                why="each GPU holds whole experts in place of a slice of every one",
                source="NVIDIA's recipes for this model, which prefer it to tensor parallelism alone",
            )
        )
    # Both always: the defaults take the model's whole context, and 1024 sequences, more than most GPUs have blocks for.
    flags += [
        Flag(
            words=("--max-model-len", str(plan.max_model_len)),
            why="the longest prompt and answer together",
            source="config.json of the model; --context",
        ),
        Flag(
            words=("--max-num-seqs", str(plan.max_num_seqs)),
            why="vLLM's own 1024 ends the start where it is more than the Mamba cache has blocks",
            source=f"{_MEMORY}; vllm#49064",
        ),
    ]
    if plan.gpus:
        flags += _memory_flags(plan)
    flags += [
        # Said aloud because the default has changed between releases of vLLM.
        Flag(
            words=("--enable-prefix-caching" if plan.prefix_caching else "--no-enable-prefix-caching",),
            why="said aloud: the default is off in 0.17 to 0.24 and on in 0.33",
            source=_VLLM,
        ),
        Flag(
            words=("--reasoning-parser", "nemotron_v3"),
            why="keeps the thinking apart from the answer; built in since 0.17.1",
            source=_NVIDIA,
        ),
        Flag(
            words=("--enable-auto-tool-choice", "--tool-call-parser", "qwen3_coder"),
            why='without them tool_choice "auto" is answered by HTTP 400',
            source=_NVIDIA,
        ),
    ]
    if plan.mtp_tokens:
        speculative = {"method": "mtp", "num_speculative_tokens": plan.mtp_tokens}
        flags.append(
            Flag(
                words=("--speculative-config", json.dumps(speculative, separators=(",", ":"))),
                why="the model drafts so many tokens ahead of each step; it costs blocks",
                source=f"{_RECIPES}; --mtp",
            )
        )
    return flags


def _tensor_parallel(plan: Plan, source: str) -> Flag:
    words = ("--tensor-parallel-size", str(plan.tensor_parallel_size))
    return Flag(words=words, why="the GPUs that share one copy; without it vLLM uses one", source=source)


def _memory_flags(plan: Plan) -> list[Flag]:
    flags = [
        Flag(
            words=("--gpu-memory-utilization", f"{plan.gpu_memory_utilization:g}"),
            why="the share of each GPU that vLLM takes: 0.92 by default, 0.8 where the host lives in it too",
            source=f"{_VLLM}; recipes for GB10; --gpu-memory-utilization",
        )
    ]
    if plan.kv_cache_dtype:
        fp8 = plan.kv_cache_dtype == "fp8"
        why = "half the memory a token" if fp8 else "16 bits a value: asked for, or all that this GPU has"
        flags.append(
            Flag(
                words=("--kv-cache-dtype", plan.kv_cache_dtype),
                why=why,
                source=f"{_RECIPES}; vLLM's Triton attention; --kv-cache-dtype",
            )
        )
    flags.append(
        Flag(
            words=("--mamba-ssm-cache-dtype", "float32"),
            why="the state is summed over the whole sequence, and 16 bits lose of it",
            source=_NVIDIA,
        )
    )
    return flags
