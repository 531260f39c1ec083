"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """`core.ports.Clock` as this computer keeps it."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
