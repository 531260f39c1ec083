"""What the engine streams, made plain: log frames into lines, pull events into bytes. No I/O."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from nemotui.core.errors import FailedError
from nemotui.core.failures import KnownFailure, explain
from nemotui.core.logs import LogLine, Stream
from nemotui.core.ports import Layer, LayerStep, PullProgress
from nemotui.core.text import plain_line

# A layer that the engine has already ("Already exists") is not fetched, and so not listed.
_STEPS: Final[Mapping[str, LayerStep]] = {
    "Pulling fs layer": "waiting",
    "Waiting": "waiting",
    "Downloading": "downloading",
    "Verifying Checksum": "downloading",
    "Download complete": "extracting",
    "Extracting": "extracting",
    "Pull complete": "done",
}
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


def payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes that a container wrote, out of a multiplexed log without timestamps."""
    return (payload for _, payload in _frames(chunks))


def output_lines(chunks: Iterable[bytes]) -> Iterator[LogLine]:
    """Lines from the multiplexed output of a command, of which a frame holds any number, or a part."""
    pending: dict[Stream, bytes] = {}
    for stream, frame in _frames(chunks):
        *lines, rest = (pending.get(stream, b"") + frame).split(b"\n")
        if len(rest) > _MAX_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        pending[stream] = rest
        yield from (LogLine(plain_line(line), None, stream) for line in lines)
    yield from (LogLine(plain_line(rest), None, stream) for stream, rest in pending.items() if rest)


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
    """The layers and their bytes from the engine's pull events; raises `FailedError` on the error that it sends."""
    layers: dict[str, Layer] = {}
    for event in events:
        if error := event.get("error"):
            words = plain_line(str(error))
            known = explain(words)
            if known:
                raise KnownFailure(known)
            raise FailedError("pull_failed", f"The image could not be fetched: {words}")
        status, name = plain_line(str(event.get("status", ""))), plain_line(str(event.get("id", "")))
        if step := _STEPS.get(status):
            layers[name] = _layer(layers.get(name, Layer(id=name, step=step)), step, event.get("progressDetail") or {})
        totals = [layer.total_bytes for layer in layers.values()]
        yield PullProgress(
            current_bytes=sum(layer.current_bytes for layer in layers.values()),
            total_bytes=sum(t for t in totals if t is not None) if totals and None not in totals else None,
            status=status,
            layers=tuple(layers.values()),
        )


def _layer(before: Layer, step: LayerStep, detail: Mapping[str, Any]) -> Layer:
    """A layer after an event. One that waited and is done at once was too small to be told of."""
    total = int(detail.get("total") or 0) or before.total_bytes
    if step in ("extracting", "done"):
        return replace(before, step=step, current_bytes=total or 0, total_bytes=total or 0)
    current = int(detail.get("current") or before.current_bytes)
    return replace(before, step=step, current_bytes=current, total_bytes=total)
