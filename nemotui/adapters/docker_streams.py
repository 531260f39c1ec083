"""What the engine streams, made plain: log frames into lines, pull events into bytes. No I/O."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nemotui.core.errors import FailedError, NothingThereError
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


def log_lines(chunks: Iterable[bytes]) -> Iterator[Sequence[LogLine]]:
    """Lines from the bytes of a multiplexed log with timestamps, those that each chunk ends; cut anywhere.

    The engine cuts a long line into frames without a newline, each with a time of its own: they are joined, and the
    line has the first one's time. What a stream left unfinished comes at the end.
    """
    pending: dict[Stream, tuple[float | None, bytes]] = {}
    second, began = b"", 0.0  # the newest stamp up to its point: a flood has fifty thousand lines of the same
    for frames in _frames(chunks):
        lines: list[LogLine] = []
        for stream, frame in frames:
            time: float | None
            if frame[:20] == second and frame[29:31] == b"Z " and (micros := frame[20:26]).isdigit():
                time, words = began + int(micros) / 1e6, frame[31:]
            else:
                stamp, _, words = frame.partition(b" ")
                time = unix_time(stamp.decode("ascii", "replace"))
                if time is None:
                    words = frame
                elif stamp[19:20] == b"." and stamp.endswith(b"Z"):
                    second, began = frame[:20], float(math.floor(time))
            if stream in pending:
                time, begun = pending.pop(stream)
                words = begun + words
            if words.endswith(b"\n") or len(words) > _MAX_LINE_BYTES:
                lines.append(LogLine(plain_line(words), time, stream))
            else:
                pending[stream] = (time, words)
        yield lines
    yield [LogLine(plain_line(words), time, stream) for stream, (time, words) in pending.items()]


def payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes that a container wrote, out of a multiplexed log without timestamps."""
    return (b"".join(payload for _, payload in frames) for frames in _frames(chunks))


def output_lines(chunks: Iterable[bytes]) -> Iterator[Sequence[LogLine]]:
    """Lines from the multiplexed output of a command, of which a frame holds any number, or a part."""
    pending: dict[Stream, bytes] = {}
    for frames in _frames(chunks):
        for stream, frame in frames:
            *lines, rest = (pending.get(stream, b"") + frame).split(b"\n")
            if len(rest) > _MAX_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            pending[stream] = rest
            yield [LogLine(plain_line(line), None, stream) for line in lines]
    yield [LogLine(plain_line(rest), None, stream) for stream, rest in pending.items() if rest]


_Frames = list[tuple[Stream, bytes]]


def _frames(chunks: Iterable[bytes]) -> Iterator[_Frames]:
    """The frames that each chunk ends. The log of a container with a terminal has none: each line counts as one."""
    rest, cut = b"", None
    for chunk in chunks:
        rest += chunk
        if cut is None and len(rest) >= _HEADER_BYTES:
            cut = _framed if rest[1:4] == b"\0\0\0" else _unframed
        if cut is not None:
            frames, rest = cut(rest)
            if frames:
                yield frames
    if rest and cut is not _framed:
        yield [("stdout", rest)]


def _framed(data: bytes) -> tuple[_Frames, bytes]:
    """The whole frames, and what is left."""
    frames: _Frames = []
    begin = 0
    while len(data) >= (words := begin + _HEADER_BYTES):
        end = words + int.from_bytes(data[begin + 4 : words], "big")
        if len(data) < end:
            break
        frames.append((_STREAMS.get(data[begin], "stdout"), data[words:end]))
        begin = end
    return frames, data[begin:]


def _unframed(data: bytes) -> tuple[_Frames, bytes]:
    *lines, rest = data.split(b"\n")
    if len(rest) > _MAX_LINE_BYTES:
        return [*(("stdout", line + b"\n") for line in lines), ("stdout", rest)], b""
    return [("stdout", line + b"\n") for line in lines], rest


def unchunked(reads: Iterable[bytes]) -> Iterator[bytes]:
    """The body of a reply in HTTP chunks, of which the engine makes one a line: all that have come whole, joined.

    Raises `NothingThereError` where it breaks off before its last chunk: the engine is gone, and this is not all.
    """
    rest = b""
    for read in reads:
        data, begin = rest + read, 0
        bodies: list[bytes] = []
        size = -1
        while size and (head := data.find(b"\r\n", begin)) >= 0:
            try:
                size = int(data[begin:head].partition(b";")[0], 16)
            except ValueError:
                raise _broken_off() from None
            end = head + 2 + size
            if len(data) < end + 2:
                break
            bodies.append(data[head + 2 : end])
            begin = end + 2
        yield b"".join(bodies)
        if not size:
            return
        rest = data[begin:]
    raise _broken_off()


def _broken_off() -> NothingThereError:
    message = "Docker's engine broke off in the middle of its answer"
    return NothingThereError("no_engine", message, "See whether it was restarted (`docker info`), then ask again.")


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
