"""The arguments of `vllm serve` read back from a container that was made, by us or by somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nemotui.core.memory import DEFAULT_UTILIZATION


def same_flag(name: str, flag: str) -> bool:
    """vLLM reads `_` as `-`."""
    return name.replace("_", "-") == flag.replace("_", "-")


def value_of(args: Sequence[str], *flags: str) -> str | None:
    """The last value of a flag under any of its names, as vLLM's parser takes it; None where it is not given.

    `--flag value` and `--flag=value`; "" for one at the very end.
    """
    found = None
    for word, following in pairwise([*args, ""]):
        name, joined, value = word.partition("=")
        if any(same_flag(name, flag) for flag in flags):
            found = value if joined else following
    return found


def model_of(args: Sequence[str]) -> str | None:
    """The model that is loaded: the first word, or --model."""
    return args[0] if args and not args[0].startswith("-") else value_of(args, "--model")


def port_of(args: Sequence[str]) -> int | None:
    """Where it listens: as it is told, else vLLM's own port; None for a port that is none."""
    port = value_of(args, "--port") or "8000"
    return int(port) if port.isdecimal() and len(port) <= 5 else None


def memory_share(args: Sequence[str]) -> float:
    """What vLLM takes of each GPU's memory, 0..1: as it is told, else its own default."""
    try:
        return float(value_of(args, "--gpu-memory-utilization") or DEFAULT_UTILIZATION)
    except ValueError:
        return DEFAULT_UTILIZATION
