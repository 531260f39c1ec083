"""What the engine streams, made plain: log frames into lines, pull events into bytes. No I/O."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nemotui.core.errors import FailedError
from nemotui.core.failures import KnownFailure, explain
from nemotui.core.logs import LogLine, Stream
from nemotui.core.ports import PullProgress
from nemotui.core.text import plain_line

_HEADER_BYTES = 8  # one byte of stream, three of nothing, four of size, big-endian
_STREAMS: Final[Mapping[int, Stream]] = {1: "stdout", 2: "stderr"}
_MAX_LINE_BYTES = 1 << 20  # a line that never ends is cut here


def unix_time(text: str) -> float | None:
    """RFC 3339 with nanoseconds, as the engine writes it, in unix seconds; None for its zero time and for no time."""
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.timestamp() if time.year > 1 else None


def log_lines(chunks: Iterable[bytes]) -> Iterator[LogLine]:
    """Lines from the bytes of a multiplexed log with timestamps, as they end; chunks may be cut anywhere.

    The engine cuts a long line into frames without a newline, each with a time of its own: they are joined, and the
    line has the first one's time. What a stream left unfinished comes at the end.
    """
    pending: dict[Stream, tuple[float | None, bytes]] = {}
    for stream, frame in _frames(chunks):
        stamp, _, words = frame.partition(b" ")
        time = unix_time(stamp.decode("ascii", "replace"))
        if time is None:
            words = frame
        if stream in pending:
            time, begun = pending.pop(stream)
            words = begun + words
        if words.endswith(b"\n") or len(words) > _MAX_LINE_BYTES:
            yield LogLine(plain_line(words), time, stream)
        else:
            pending[stream] = (time, words)
    for stream, (time, words) in pending.items():
        yield LogLine(plain_line(words), time, stream)


def _frames(chunks: Iterable[bytes]) -> Iterator[tuple[Stream, bytes]]:
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _HEADER_BYTES:
            end = _HEADER_BYTES + int.from_bytes(buffer[4:_HEADER_BYTES], "big")
            if len(buffer) < end:
                break
            yield _STREAMS.get(buffer[0], "stdout"), bytes(buffer[_HEADER_BYTES:end])
            del buffer[:end]


def pull_progress(events: Iterable[Mapping[str, Any]]) -> Iterator[PullProgress]:
    """Bytes over all layers from the engine's pull events; raises `FailedError` on the error that it sends."""
    layers: dict[str, tuple[int, int]] = {}  # bytes fetched and bytes in all
    for event in events:
        if error := event.get("error"):
            words = plain_line(str(error))
            known = explain(words)
            if known:
                raise KnownFailure(known)
            raise FailedError("pull_failed", f"The image could not be fetched: {words}")
        status, layer = plain_line(str(event.get("status", ""))), str(event.get("id", ""))
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            layers[layer] = (int(detail["current"]), int(detail["total"]))
        elif status in ("Download complete", "Pull complete") and layer in layers:
            layers[layer] = (layers[layer][1], layers[layer][1])
        yield PullProgress(
            current_bytes=sum(current for current, _ in layers.values()),
            total_bytes=sum(total for _, total in layers.values()) if layers else None,
            status=status,
        )
