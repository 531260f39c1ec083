"""What a server's figures mean, in words, and the setting that would help. Each rule looks at the last minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nemotui.core.serve_args import value_of
from nemotui.core.show import duration
from nemotui.core.vitals import Vitals

_FULL = 0.95  # of the KV cache
_FULL_FOR_S = 10.0
_ROOMY = 0.8
_QUEUE = 4  # waiting requests that are worth a word
_PROMPT_TOKENS = 20_000  # without a hit, before it is said that there is none

Kind = Literal["hung", "kv_cache_full", "queue_growing", "preemptions", "prefix_caching_idle", "gpu_throttled", "idle"]


@dataclass(frozen=True, slots=True)
class Advice:
    """`kind` is a word for scripts, `message` what is seen, `fix` what would help, with the setting's name."""

    kind: Kind
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.message}. {self.fix}"


def advise(
    vitals: Vitals,
    *,
    hung: bool = False,
    args: Sequence[str] = (),
    throttled: Sequence[str] = (),
    ours: bool = False,
) -> tuple[Advice, ...]:
    """What there is to say, the gravest first.

    `hung`: the engine makes no token, and /health is 200. `args`: how the server was started. `throttled`: the GPUs
    that heat, power or their slot slows down. `ours`: some of it was asked by a benchmark of ours, whose prompts share
    nothing, as they should.
    """
    found = (
        _hung(vitals, args) if hung else None,
        Advice(
            "gpu_throttled",
            f"{', '.join(throttled)} slowed down by heat or power",
            "See to its cooling, and `nvidia-smi -q -d PERFORMANCE`; `nvidia-smi -pl` raises a low power limit",
        )
        if throttled
        else None,
        _preemptions(vitals),
        _full(vitals),
        _queue(vitals, args),
        None if ours else _prefix(vitals, args),
    )
    return tuple(advice for advice in found if advice is not None)


def _hung(vitals: Vitals, args: Sequence[str]) -> Advice:
    metrics = vitals.answered
    work = f"{metrics.running or 0:.0f} running, {metrics.waiting or 0:.0f} waiting"
    tries = ["see what it says (`nemotui logs --level warning`)", "stop it and start it again"]
    if value_of(args, "--tensor-parallel-size", "-tp") not in (None, "1"):
        tries.append("if it comes back, start it with `-- --disable-custom-all-reduce`")
    if value_of(args, "--speculative-config"):
        tries.append("or without --mtp")
    words = "; ".join(tries)
    return Advice(
        "hung",
        f"HUNG: no token for {vitals.stalled_s:.0f} s, {work}, /health says 200",
        f"{words[0].upper()}{words[1:]}",
    )


def _full(vitals: Vitals) -> Advice | None:
    now = vitals.looks[-1].at if vitals.looks else 0.0
    recent = [look.metrics.kv_cache_usage for look in vitals.looks if look.at >= now - _FULL_FOR_S]
    if len(recent) < 2 or not all(usage is not None and usage >= _FULL for usage in recent):
        return None
    return Advice(
        "kv_cache_full",
        f"The KV cache is {vitals.metrics.kv_cache_usage or 0:.0%} full",
        "A lower --max-num-seqs or --context makes room, --kv-cache-dtype fp8 where it is not, or more GPUs (--tp)",
    )


def _queue(vitals: Vitals, args: Sequence[str]) -> Advice | None:
    lengths = [look.metrics.waiting for look in vitals.looks]
    known = [length for length in lengths if length is not None]
    if len(known) < 3 or len(known) < len(lengths) or known[-1] < _QUEUE or min(known) == 0 or known[-1] <= known[0]:
        return None
    limit, running = value_of(args, "--max-num-seqs") or "", vitals.metrics.running
    usage = vitals.metrics.kv_cache_usage
    roomy = usage is not None and usage < _ROOMY
    if roomy and limit.isdecimal() and running is not None and running >= int(limit[:9]):
        fix = f"All {limit} places of --max-num-seqs are taken and the KV cache has room: raise it"
    else:
        fix = "It does as much as it can: a second copy (--dp 2), more GPUs (--tp), or fewer at once"
    message = f"The queue grows: {known[-1]:.0f} wait, {known[0]:.0f} did {duration(_span(vitals))} ago"
    return Advice("queue_growing", message, fix)


def _preemptions(vitals: Vitals) -> Advice | None:
    count = vitals.preemptions
    if not count:
        return None
    return Advice(
        "preemptions",
        f"{count:.0f} request{'s' if count != 1 else ''} put back in the last minute, for want of KV cache",
        "Lower --max-num-seqs or --context, or give it more memory (--gpu-memory-utilization, --tp)",
    )


def _prefix(vitals: Vitals, args: Sequence[str]) -> Advice | None:
    asked, hits = vitals.grown(lambda m: m.prefix_cache_queries), vitals.grown(lambda m: m.prefix_cache_hits)
    prompts = vitals.grown(lambda m: m.prompt_tokens) or 0.0
    if "--no-enable-prefix-caching" in args:
        return None  # by choice
    if asked is not None and asked >= _PROMPT_TOKENS and hits == 0:
        return Advice(
            "prefix_caching_idle",
            f"Prefix caching found nothing in {asked:,.0f} prompt tokens",
            "What prompts share belongs first; where it is nothing, as in a benchmark, "
            "--no-prefix-caching frees blocks",
        )
    if asked == 0 and prompts >= _PROMPT_TOKENS:
        return Advice(
            "prefix_caching_idle",
            "Prefix caching is off",
            "Where prompts begin alike (chat, agents), start it with --prefix-caching",
        )
    return None


def idle(idle_s: float | None, after_s: float, cost: float | None) -> Advice | None:
    """A word where nobody has asked anything for longer than `after_s`; 0: never. `cost` so far, in dollars."""
    if not after_s or idle_s is None or idle_s < after_s:
        return None
    spent = "" if cost is None else f"; ${cost:,.2f} since its start"
    return Advice("idle", f"Nobody has asked anything for {duration(idle_s)}{spent}", "`nemotui stop` ends the server")


def _span(vitals: Vitals) -> float:
    return vitals.looks[-1].at - vitals.looks[0].at
