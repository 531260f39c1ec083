"""How vLLM lays this hybrid model out in GPU memory, before anything is started.

Attention keeps keys and values for every token; a Mamba layer keeps one state for a whole sequence, however long. vLLM
gives both blocks of one size, so an attention block is inflated to thousands of tokens, and what limits concurrency is
the number of blocks, not of tokens. The rules are those of vLLM 0.33's source, checked against a real start on an H200
(`tests/core/test_memory.py`); all sizes are bytes per GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

from nemotui.core.models import Model, Variant

GIB = 1 << 30

DEFAULT_UTILIZATION = 0.92  # vLLM 0.33's own default
MOST_UTILIZATION = 0.95  # a real start used 1.5 GiB more than its share
UNIFIED_UTILIZATION = 0.8  # where the host lives in the same memory (vLLM's recipe for GB10)
# CUDA context, activations at the profiling run, CUDA graphs: 3.89 (FP8) and 4.56 GiB (NVFP4) seen on a real H200; with
# tensor parallelism NCCL and the all-reduce buffers come to it: 6 GiB fits 524 blocks seen on 2×H100 FP8.
OVERHEAD_ALONE = 4 * GIB
OVERHEAD_PARALLEL = 6 * GIB

INPUT_TOKENS, OUTPUT_TOKENS = 8192, 1024  # of one request of the published benchmark
TYPICAL_TOKENS = INPUT_TOKENS + OUTPUT_TOKENS
TYPICAL_REQUESTS = 32  # how many of them run at once there
SAFE_SHARE = 0.8  # of the estimated blocks: the estimate is good to about 15 %
MOST_SEQS = 256  # beyond it a step only gets longer

KvDtype = Literal["fp8", "bfloat16"]
_KV_BYTES: dict[KvDtype, int] = {"fp8": 1, "bfloat16": 2}
_CONV_BYTES = 2  # the convolution state stays in the model's 16 bits
_SSM_BYTES = 4  # --mamba-ssm-cache-dtype float32
_BLOCK_GRANULE = 16  # tokens; an attention block is a multiple of it


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """One GPU's memory under a plan, and what it can hold at once. Sizes in bytes, `block_tokens` in tokens.

    `total`: the memory that CUDA sees; `budget`: what vLLM may take of it; `kv_bytes_per_token`: one attention layer's;
    `state_bytes`: one sequence in one Mamba layer. `block_bytes`: one block of the pool, over the layers of a group.
    `state_groups` hold Mamba states; with `all_states` vLLM reckons one in each group for every block of a prompt.
    `pool` is negative where the weights and the overhead alone are more than the budget.
    """

    total: int
    budget: int
    weights: int
    overhead: int
    kv_bytes_per_token: int
    state_bytes: int
    state_bytes_per_sequence: int
    block_tokens: int
    block_bytes: int
    state_blocks_per_request: int
    state_groups: int
    all_states: bool
    pool: int

    @property
    def blocks(self) -> int:
        """How many blocks the pool has; vLLM calls them GPU blocks."""
        return max(0, self.pool // self.block_bytes)

    def blocks_for(self, tokens: int) -> int:
        """The blocks that one request of so many tokens (prompt and answer) holds at its end."""
        return -(-tokens // self.block_tokens) + self.state_blocks_per_request

    def live_requests(self, tokens: int) -> float:
        """How many requests of so many tokens can run at once."""
        return self.blocks / self.blocks_for(tokens)

    def fits(self, max_model_len: int) -> bool:
        """At least one request of the whole context can run: below that vLLM refuses to start."""
        return self.blocks >= self.blocks_to_start(max_model_len)

    def blocks_to_start(self, max_model_len: int) -> int:
        """The blocks that vLLM reckons for one request of the whole context before it starts."""
        if self.all_states:
            return -(-max_model_len // self.block_tokens) * (1 + self.state_groups)
        return self.blocks_for(max_model_len)

    @property
    def tight(self) -> bool:
        """It may start, and one GiB of error in the overhead decides: a pool under a tenth of the memory, or too small
        for the published benchmark's 32 requests at once.
        """
        return self.pool < self.total / 10 or self.live_requests(TYPICAL_TOKENS) < TYPICAL_REQUESTS

    @property
    def max_num_seqs(self) -> int:
        """What to pass as `--max-num-seqs`: above `blocks` vLLM refuses to start, and our estimate of them may be high.

        0 where the pool is too small for one sequence.
        """
        return min(MOST_SEQS, floor(SAFE_SHARE * self.blocks))


def plan_memory(
    model: Model,
    variant: Variant,
    *,
    total: int,
    tensor_parallel_size: int,
    data_parallel_size: int = 1,
    kv_dtype: KvDtype,
    utilization: float = DEFAULT_UTILIZATION,
    mtp_tokens: int = 0,
    prefix_caching: bool = True,
    all_states: bool = False,
    overhead: int | None = None,
) -> MemoryPlan:
    """The memory plan for one of `tensor_parallel_size` equal GPUs of which CUDA sees `total` bytes.

    `mtp_tokens` are the tokens speculated at each step (0: no speculation). `overhead` replaces our estimate where a
    start has taught the real one. `data_parallel_size` copies hold the routed experts together: vLLM spreads them over
    all GPUs of all copies (its documentation, data_parallel_deployment). `all_states`: vLLM 0.24's way to cache
    prefixes, in which a running request was seen to hold its running state alone.
    """
    tp, dp = tensor_parallel_size, data_parallel_size
    loaded = variant.loaded_bytes + (model.mtp_bytes if mtp_tokens else 0)
    # Heads are not split below one: above TP 2 the two KV heads are copied.
    kv_bytes_per_token = 2 * max(1, ceil(model.kv_heads / tp)) * model.head_dim * _KV_BYTES[kv_dtype]
    conv = model.mamba_conv_channels // tp * (model.mamba_conv_width - 1 + mtp_tokens) * _CONV_BYTES
    ssm = model.mamba_heads // tp * model.mamba_head_dim * model.mamba_state * _SSM_BYTES
    state_bytes = conv + ssm
    block_tokens = _BLOCK_GRANULE * ceil(state_bytes / (_BLOCK_GRANULE * kv_bytes_per_token))
    # Layers come in groups that share a block table: one of attention, the rest of Mamba, each padded to the same size.
    group_layers = model.attention_layers + (1 if mtp_tokens else 0)
    mamba_groups = ceil(model.mamba_layers / group_layers)
    all_states = all_states and prefix_caching
    # The running state, its cached copy, and one for each drafted token.
    states = 1 + (prefix_caching and not all_states) + mtp_tokens
    overhead = overhead if overhead is not None else OVERHEAD_ALONE if tp * dp == 1 else OVERHEAD_PARALLEL
    elsewhere = model.routed_parameters * variant.weight_bits / 8 * (1 - 1 / dp)
    weights = ceil((loaded - elsewhere) / tp)
    budget = floor(total * utilization)
    return MemoryPlan(
        total=total,
        budget=budget,
        weights=weights,
        overhead=overhead,
        kv_bytes_per_token=kv_bytes_per_token,
        state_bytes=state_bytes,
        state_bytes_per_sequence=state_bytes * model.mamba_layers,
        block_tokens=block_tokens,
        block_bytes=block_tokens * kv_bytes_per_token * group_layers,
        state_blocks_per_request=mamba_groups * states,
        state_groups=mamba_groups,
        all_states=all_states,
        pool=budget - weights - overhead,
    )
