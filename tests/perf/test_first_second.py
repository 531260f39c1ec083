"""How soon a key is painted that is typed as soon as there is a picture, while the rest is being made."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

import pytest

from tests.perf.on_pty import Pty, on_pty

pytestmark = pytest.mark.perf

EVERY_S = 0.1
FIRST_S = 2.0
ROUNDS = 8
LATER_MS = 100.0
_REST_S = 0.03  # the rest of the first picture
# Keys, and what is written when each has done what it does; the Esc closes the help, and is not looked for.
TYPED = ((b"2", b"VERDICT"), (b"3", b"Press 2"), (b"?", b"Look for a text"), (b"\x1b", b""), (b"1", b"NVIDIA H100"))


def _typed_from_the_first_picture(console: Pty, seconds: float) -> list[tuple[float, float]]:
    """When each key was typed, s after the first picture, and how long until it was painted, ms.

    What a key shows may be overtaken by what the next one shows: then it is painted with that.
    """
    console.until(b"NVIDIA H100")
    console.drain(_REST_S)
    began = time.monotonic()
    waiting: list[tuple[bytes, float]] = []
    found, seen, number = [], b"", 0
    while (now := time.monotonic()) <= began + seconds or waiting:
        assert now < began + seconds + 10, f"never painted: {waiting}"
        due = began + EVERY_S * number
        if due <= now and due <= began + seconds:  # the last is a pane, which overtakes all
            key, text = TYPED[number % len(TYPED)]
            typed = console.key(key)
            waiting += [(text, typed)] if text else []
            number += 1
        elif select.select([console.fd], [], [], max(0.0, min(due - now, 0.01)))[0]:
            seen += os.read(console.fd, 65536)
            newest = max((n for n, (text, _) in enumerate(waiting[: len(TYPED)]) if text in seen), default=-1)
            if newest >= 0:
                found += [(typed - began, (time.monotonic() - typed) * 1e3) for _, typed in waiting[: newest + 1]]
                seen = seen.rpartition(waiting[newest][0])[2]
                del waiting[: newest + 1]
    return found


def test_keys_of_the_first_seconds(tmp_path: Path) -> None:
    """Without the tour, which is drawn over the panes. What is typed in the first seconds is printed, not asserted."""
    found = []
    for number in range(ROUNDS + 1):
        with on_pty(["--demo", "2xh100"], tmp_path) as console:
            taken = _typed_from_the_first_picture(console, 2 * FIRST_S)
        found += taken if number else []  # the first has the tour
    first = sorted(ms for at, ms in found if at < FIRST_S)
    later = sorted(ms for at, ms in found if at >= FIRST_S)
    print()
    for name, times in (("first 2 s", first), ("after", later)):
        p50, p99 = (times[int(share * len(times))] for share in (0.5, 0.99))
        print(f"key to paint, {name:<9}: {len(times)} keys, p50 {p50:.0f}, p99 {p99:.0f}, worst {times[-1]:.0f} ms")
    assert later[-1] <= LATER_MS
