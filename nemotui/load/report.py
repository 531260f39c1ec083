"""What a load process tells the one that leads the run, four times a second."""

from __future__ import annotations

import msgspec

from nemotui.core.bench import RequestRecord


class Fresh:
    """What the streams have seen since the last report: a place to append to in the path of the clock, and no more."""

    __slots__ = ("coalesced", "gaps_us", "sent", "streaming", "ttft_us")

    def __init__(self) -> None:
        self.ttft_us: list[int] = []
        self.gaps_us: list[int] = []
        self.coalesced = 0
        self.sent = 0  # requests under way
        self.streaming = 0  # of these, with a token


class Report(msgspec.Struct, array_like=True, kw_only=True):
    """Lists and `coalesced` are news since the report before; the rest is how it is now, or in all.

    `due` are the requests that should be under way, `sent` those that are, `streaming` those of them with a token.
    The first report says that the connections are open. `over` says why it ended: all requests done, the server gone,
    or asked to stop.
    """

    records: list[RequestRecord] = []
    ttft_us: list[int] = []
    gaps_us: list[int] = []
    lag_us: list[int] = []
    coalesced: int = 0
    due: int = 0
    sent: int = 0
    streaming: int = 0
    user_reads: int = 0
    clock_steps: int = 0
    largest_step_us: int = 0
    cpu_s: float = 0.0
    at_s: float = 0.0
    over: str | None = None
