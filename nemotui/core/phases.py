"""The phases of a vLLM start, and how long each is expected to take: as measured here before, else as is typical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

Phase = Literal[
    "boot", "config", "engine", "download", "weights", "compile", "kernels", "kv_cache", "graphs", "serve", "ready"
]

# Seconds on a first start, in the order in which the phases begin. Source: vLLM 0.24.0 on an H200, FP8, TP 1, cold
# caches, whose weights were dummies; `weights` is computed instead: 120 GB from an NVMe disk at 2 GB/s. `kernels` is
# the warm-up run with its Triton kernels and the profiling of memory. How long a download takes its bytes tell.
TYPICAL_S: Final[Mapping[Phase, float]] = MappingProxyType(
    {
        "boot": 16,
        "config": 17,
        "engine": 2,
        "download": 0,
        "weights": 60,
        "compile": 25,
        "kernels": 72,
        "kv_cache": 1,
        "graphs": 16,
        "serve": 2,
        "ready": 0,
    }
)
PHASES: Final[tuple[Phase, ...]] = tuple(TYPICAL_S)

# Of a compilation, what is left of it when its cache is there: 50 s became 9 s with vLLM 0.32 on a CPU.
_CACHED_SHARE: Final = 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Seconds of each phase; `measured`: by an earlier start of the same setup on this machine.

    `cold_compile_s`: what compiling takes where its cache turns out not to help.
    """

    seconds: Mapping[Phase, float]
    cold_compile_s: float = 0.0
    measured: bool = False

    def within(self, seconds: float) -> Expectation:
        """The same phases in so many seconds altogether."""
        scale = seconds / sum(self.seconds.values())
        return replace(self, seconds={phase: each * scale for phase, each in self.seconds.items()})

    def begin(self, phase: Phase) -> float:
        """The share of the whole at which this phase begins, 0..1."""
        return sum(self.seconds[p] for p in PHASES[: PHASES.index(phase)]) / sum(self.seconds.values())


TYPICAL: Final = Expectation(seconds=TYPICAL_S)


def learned(phases_s: Mapping[Phase, float], *, compiled: bool) -> Expectation:
    """From the phases of an earlier start. One that compiled has left its cache for the next.

    The weights are there now: nothing is fetched again.
    """
    took: dict[Phase, float] = {phase: phases_s.get(phase, 0.0) for phase in PHASES}
    took["download"] = 0.0
    cold = took["compile"]
    if compiled:
        took["compile"] = cold * _CACHED_SHARE
    return Expectation(seconds=took, cold_compile_s=cold, measured=True)
