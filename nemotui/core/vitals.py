"""How a server has done over the last minute: rates out of its counters, and whether it still makes tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nemotui.core.model_server import ServerMetrics

WINDOW_S = 60.0  # what is seldom is counted over so long: prefix hits, acceptance, preemptions
RATE_S = 5.0  # tokens a second, over at least so long
HUNG_AFTER_S = 10.0  # with a look every two seconds this is known within 15 s of the last token

_NO_ANSWER = ServerMetrics()

# The counters of a server that was started anew begin at nothing.
_COUNTERS = ("generation_tokens", "prompt_tokens", "prefix_cache_queries", "draft_tokens", "preemptions")


@dataclass(frozen=True, slots=True)
class Look:
    """What /metrics said at `at`, monotonic seconds."""

    at: float
    metrics: ServerMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """A server's last minute. What the server does not export is None throughout. A look without an answer ends no
    stall and no idleness; a minute of such does.

    `stalled_s`: for how long there has been work and no sign of it being done; 0 while there is any, or no work.
    `idle_s`: for how long there has been nothing to do, as far as it was watched; None while there is, or unknown.
    """

    looks: tuple[Look, ...] = ()
    stalled_s: float = 0.0
    idle_s: float | None = None

    def after(self, at: float, metrics: ServerMetrics) -> Vitals:
        """The vitals after another look."""
        looks = (*(look for look in self.looks if at - WINDOW_S <= look.at < at), Look(at, metrics))
        last = next((look for look in reversed(looks[:-1]) if look.metrics != _NO_ANSWER), None)
        if last is None or _restarted(last.metrics, metrics):
            return Vitals(looks=looks[-1:], idle_s=0.0 if _work(metrics) == 0 else None)
        if metrics == _NO_ANSWER:  # what went on meanwhile is in the counters of the next one
            return replace(self, looks=looks)
        work, moved, passed = _work(metrics), _signs(metrics) != _signs(last.metrics), at - last.at
        waits = bool(work) and bool(_work(last.metrics)) and not moved and metrics.generation_tokens is not None
        return Vitals(
            looks=looks,
            stalled_s=self.stalled_s + passed if waits else 0.0,
            idle_s=None if work is None or work > 0 else 0.0 if moved or self.idle_s is None else self.idle_s + passed,
        )

    @property
    def answered(self) -> ServerMetrics:
        """What the server said last, if that was in the last minute."""
        return next((look.metrics for look in reversed(self.looks) if look.metrics != _NO_ANSWER), _NO_ANSWER)

    @property
    def metrics(self) -> ServerMetrics:
        """What was seen last."""
        return self.looks[-1].metrics if self.looks else ServerMetrics()

    @property
    def busy(self) -> bool | None:
        """There is work; None where the server does not say."""
        work = _work(self.metrics)
        return None if work is None else work > 0

    @property
    def generation_throughput(self) -> float | None:
        """Tokens a second that came out."""
        return self._rate(lambda m: m.generation_tokens)

    @property
    def prompt_throughput(self) -> float | None:
        """Tokens a second that went in."""
        return self._rate(lambda m: m.prompt_tokens)

    @property
    def prefix_hit_rate(self) -> float | None:
        """Of the prompt tokens of the last minute, the share that the cache had; None where there were none."""
        return _share(self.grown(lambda m: m.prefix_cache_hits), self.grown(lambda m: m.prefix_cache_queries))

    @property
    def acceptance_rate(self) -> float | None:
        """Of the tokens that MTP drafted in the last minute, the share that was accepted; None without any."""
        return _share(self.grown(lambda m: m.accepted_tokens), self.grown(lambda m: m.draft_tokens))

    @property
    def preemptions(self) -> float | None:
        """In the last minute."""
        return self.grown(lambda m: m.preemptions)

    def grown(self, counter: Callable[[ServerMetrics], float | None]) -> float | None:
        """By how much a counter has grown over what is remembered."""
        if len(self.looks) < 2:
            return None
        before, now = counter(self.looks[0].metrics), counter(self.looks[-1].metrics)
        return None if before is None or now is None else now - before

    def _rate(self, counter: Callable[[ServerMetrics], float | None]) -> float | None:
        now = self.looks[-1] if self.looks else None
        past = next((look for look in reversed(self.looks[:-1]) if now and look.at <= now.at - RATE_S), None)
        past = past or (self.looks[0] if len(self.looks) > 1 else None)
        if now is None or past is None:
            return None
        old, new = counter(past.metrics), counter(now.metrics)
        return None if old is None or new is None else (new - old) / (now.at - past.at)


def _work(metrics: ServerMetrics) -> float | None:
    known = [count for count in (metrics.running, metrics.waiting) if count is not None]
    return sum(known) if known else None


def _signs(metrics: ServerMetrics) -> tuple[float | None, ...]:
    """What moves while a server works. A long prompt makes no token for a while, but it fills the KV cache."""
    return metrics.generation_tokens, metrics.prompt_tokens, metrics.kv_cache_usage


def _restarted(before: ServerMetrics, now: ServerMetrics) -> bool:
    for name in _COUNTERS:
        old, new = getattr(before, name), getattr(now, name)
        if old is not None and new is not None and new < old:
            return True
    return False


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else min(1.0, max(0.0, part / whole))
