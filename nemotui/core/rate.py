"""How fast bytes arrive, over the last seconds."""

from __future__ import annotations

from dataclasses import dataclass

_WINDOW_S = 20.0
_LEAST_S = 1.0  # before that a rate is an accident


@dataclass(frozen=True, slots=True)
class Rate:
    """Amounts at monotonic times; `after` is the next state."""

    seen: tuple[tuple[float, int], ...] = ()

    def after(self, now: float, amount: int) -> Rate:
        """With what is there now."""
        kept = tuple((at, had) for at, had in self.seen if now - at <= _WINDOW_S)
        return Rate((*kept, (now, amount)))

    @property
    def bytes_per_s(self) -> float | None:
        """None until it can be told."""
        if not self.seen:
            return None
        (began, before), (now, amount) = self.seen[0], self.seen[-1]
        return max(0.0, (amount - before) / (now - began)) if now - began >= _LEAST_S else None

    def eta_s(self, total: int | None) -> float | None:
        """Seconds until `total`; None where nothing arrives or the total is unknown."""
        rate = self.bytes_per_s
        if not rate or total is None:
            return None
        return max(0.0, total - self.seen[-1][1]) / rate
