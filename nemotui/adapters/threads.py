"""Blocking calls and blocking iterators beside the event loop, on daemon threads.

`asyncio.to_thread` will not do: its pool is joined when the process exits, so one hung driver or socket call would
keep a finished program alive. A daemon thread that hangs is left behind instead, and whatever it returns is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Generic, TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")


async def call(fn: Callable[[*Args], T], *args: *Args, timeout_s: float | None = None) -> T:
    """`fn(*args)` on a daemon thread of its own: its result, or what it raised.

    `TimeoutError` after `timeout_s`; then, and when the caller is cancelled, the thread is left to finish alone.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    result: list[T] = []
    error: list[BaseException] = []

    def run() -> None:
        try:
            result.append(fn(*args))
        except BaseException as raised:
            error.append(raised)
        _wake(loop, done)

    _start(run, getattr(fn, "__name__", "call"))
    async with asyncio.timeout(timeout_s):
        await done.wait()
    if error:
        raise error[0]
    return result[0]


async def iterate(
    open_iterator: Callable[[], Iterable[T]],
    *,
    maxsize: int,
    close: Callable[[Any], object],
    weigh: Callable[[T], int] = lambda _: 1,
) -> AsyncGenerator[tuple[T, ...], None]:
    """What `open_iterator()` yields, read on a daemon thread, as batches of all that is waiting (never empty).

    At most `maxsize` items wait, or as many as weigh that: a slow reader holds the source back. `close(iterator)` is
    called exactly once, never on the event loop: when the iterator ends, or at once when the reader leaves or is
    cancelled, then from a second thread, since the first may be blocked in it; what `close` raises is dropped. What
    opening or iterating raises comes out here, after the items before it; raised by a source that the reader has left,
    it is dropped.

    Read it inside `contextlib.aclosing`, so that leaving closes at once.
    """
    bridge: _Bridge[T] = _Bridge(asyncio.get_running_loop(), maxsize, close, weigh)
    _start(lambda: bridge.read(open_iterator), "iterate")
    try:
        while batch := await bridge.take():
            yield batch
    finally:
        bridge.leave()
    if bridge.error is not None:
        raise bridge.error


class _Bridge(Generic[T]):
    """The bounded queue between a reading thread and the event loop. The lock is only ever held for a moment."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        maxsize: int,
        close: Callable[[Any], object],
        weigh: Callable[[T], int],
    ) -> None:
        self.error: BaseException | None = None
        self._loop = loop
        self._maxsize = maxsize
        self._close = close
        self._weigh = weigh
        self._weight = 0  # of what waits
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
        self._ended = False  # the thread will add no more
        self._left = False  # the reader will take no more
        self._source: Iterable[T] | None = None  # open, and nobody has begun to close it
        self._waiting = asyncio.Event()

    def read(self, open_iterator: Callable[[], Iterable[T]]) -> None:
        """The thread: until the source ends, or the reader leaves."""
        try:
            source = open_iterator()
            with self._changed:
                self._source = source
                left = self._left
            if not left:  # else the first read might block for ever with nobody to close it
                for item in source:
                    if not self._put(item):
                        break
        except BaseException as raised:
            self.error = raised
        self._close_once()
        with self._changed:
            self._ended = True
        _wake(self._loop, self._waiting)

    def _put(self, item: T) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._weight < self._maxsize or self._left)
            if self._left:
                return False
            self._items.append(item)
            self._weight += self._weigh(item)
            first = len(self._items) == 1
        if first:
            _wake(self._loop, self._waiting)
        return True

    async def take(self) -> tuple[T, ...]:
        """Everything that waits; empty when the source has ended."""
        while True:
            with self._changed:
                batch = tuple(self._items)
                self._items.clear()
                self._weight = 0
                self._changed.notify()
                ended = self._ended
                self._waiting.clear()
            if batch or ended:
                return batch
            await self._waiting.wait()

    def leave(self) -> None:
        """The reader is gone: wake the thread, and close the source that it may be blocked in."""
        with self._changed:
            self._left = True
            self._changed.notify()
            blocked = self._source is not None
        if blocked:
            _start(self._close_once, "close")

    def _close_once(self) -> None:
        with self._changed:
            source, self._source = self._source, None
        if source is not None:
            with contextlib.suppress(Exception):
                self._close(source)


def _start(run: Callable[[], None], name: str) -> None:
    threading.Thread(target=run, name=f"nemotui-{name}", daemon=True).start()


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is waiting
        loop.call_soon_threadsafe(event.set)
