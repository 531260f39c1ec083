"""What one pretend server is told, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.memory import MemoryPlan
from nemotui.sim.batching import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """A pretend `vllm serve`. Times are divided by `speed`; `timing` is for speed 1; lengths are tokens.

    `stall_after_s`: so long after it has begun to serve, the engine makes no more tokens, as one that hangs.
    `faults` are names of `sim.faults`; a parser that is missing is off here already.
    `jitter`: the standard deviation of a step's time, as a share of it. `slower`: by so much a step takes longer.
    `served_model_names`: the first is what replies carry, any of them is accepted.
    """

    model: str
    served_model_names: tuple[str, ...]
    timing: Timing
    memory: MemoryPlan
    max_model_len: int = 262144
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 8192
    tensor_parallel_size: int = 1
    reasoning_parser: bool = True
    tool_parser: bool = True
    api_key: str | None = None
    version: str = "0.33.0"
    speed: float = 1.0
    stall_after_s: float | None = None
    faults: frozenset[str] = frozenset()
    jitter: float = 0.0
    slower: float = 0.0

    @property
    def kv_cache_tokens(self) -> int:
        """The capacity as vLLM logs it: how many requests of the full length fit, times that length."""
        return int(self.memory.live_requests(self.max_model_len) * self.max_model_len)
