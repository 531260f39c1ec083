"""What vLLM itself refuses, chooses or allows, as the catalogue (`vllm.toml`) has it."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.catalog_entry import capability, check_entry
from nemotui.core.release import release_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fp8KvCache:
    """Below this CUDA compute capability an FP8 KV cache is refused."""

    min_capability: str
    source: str

    def __post_init__(self) -> None:
        capability(self.min_capability)
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixStates:
    """Up to this release a prefix cache keeps the Mamba state of every block of a prompt, later that of its end."""

    all_until: str
    source: str

    def __post_init__(self) -> None:
        release_of(self.all_until)
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSeqs:
    """`--max-num-seqs` where it is not passed: `large` from so many bytes of a GPU on, except where listed."""

    large: int
    small: int
    large_from_bytes: int
    small_capabilities: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        for each in self.small_capabilities:
            capability(each)
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that can sensibly be asked for, in tokens."""

    longest_context: int
    most_mtp_tokens: int
    source: str

    def __post_init__(self) -> None:
        check_entry(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """All of them."""

    fp8_kv_cache: Fp8KvCache
    prefix_states: PrefixStates
    default_seqs: DefaultSeqs
    limits: Limits
