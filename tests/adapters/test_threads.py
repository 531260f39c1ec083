"""Blocking work beside the event loop: nothing lost, nothing hung, every source closed exactly once."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from nemotui.adapters import threads
from tests.waiting import until_there

pytestmark = pytest.mark.anyio


class Source:
    """A blocking stream as a container engine's: `close` from any thread ends the blocked read."""

    def __init__(self, items: Iterator[int], then_block: bool = False) -> None:
        self.items = items
        self.then_block = then_block
        self.taken = 0
        self.closed = threading.Semaphore(0)
        self.closings = 0

    def __iter__(self) -> Iterator[int]:
        for item in self.items:
            self.taken += 1
            yield item
        if self.then_block:
            self.closed.acquire()

    def close(self) -> None:
        self.closings += 1
        self.closed.release()


async def test_call_gives_the_result_from_another_daemon_thread() -> None:
    def where(number: int) -> tuple[int, bool, bool]:
        thread = threading.current_thread()
        return number, thread is threading.main_thread(), thread.daemon

    assert await threads.call(where, 7) == (7, False, True)


async def test_call_raises_what_the_function_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.call(lambda: 1 // 0)


async def test_call_gives_up_after_its_time_and_leaves_the_thread_alone() -> None:
    hung = threading.Event()
    with pytest.raises(TimeoutError):
        await threads.call(hung.wait, timeout_s=0.01)
    hung.set()


async def test_call_can_be_cancelled_while_the_function_hangs() -> None:
    hung = threading.Event()
    task = asyncio.create_task(threads.call(hung.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hung.set()


async def test_iterate_gives_every_item_in_order_and_closes_the_source_once() -> None:
    source = Source(iter(range(1000)))
    got: list[int] = []
    async for batch in threads.iterate(lambda: source, maxsize=16, close=Source.close):
        assert 1 <= len(batch) <= 16
        got.extend(batch)
    assert got == list(range(1000))
    assert source.closings == 1


async def test_a_slow_reader_holds_the_source_back() -> None:
    source = Source(itertools.count())
    async with aclosing(threads.iterate(lambda: source, maxsize=4, close=Source.close)) as batches:
        first = await anext(batches)
        await until_there(lambda: source.taken >= len(first) + 5)
        await asyncio.sleep(0.02)
        # Four wait in the queue and one is in the thread's hand: the source is not asked for more.
        assert source.taken == len(first) + 5
    await until_there(lambda: source.closings == 1)


async def test_what_waits_is_bounded_by_its_weight() -> None:
    source = Source(itertools.count())
    bridge = threads.iterate(lambda: source, maxsize=4, close=Source.close, weigh=lambda _: 3)
    async with aclosing(bridge) as batches:
        first = await anext(batches)
        await until_there(lambda: source.taken >= len(first) + 3)
        await asyncio.sleep(0.02)
        assert source.taken == len(first) + 3  # two wait, which weigh six, and one is in the thread's hand
    await until_there(lambda: source.closings == 1)


async def test_an_error_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ConnectionError("reset")

    got: list[int] = []

    async def read() -> None:
        async for batch in threads.iterate(broken, maxsize=4, close=lambda _: None):
            got.extend(batch)

    with pytest.raises(ConnectionError, match="reset"):
        await read()
    assert got == [1, 2]


async def test_an_error_while_opening_comes_out_and_nothing_is_closed() -> None:
    def refused() -> Iterator[int]:
        raise ConnectionRefusedError

    closed: list[object] = []
    with pytest.raises(ConnectionRefusedError):
        await anext(threads.iterate(refused, maxsize=4, close=closed.append))
    assert closed == []


async def test_cancelling_a_blocked_read_closes_the_source_from_a_second_thread() -> None:
    source = Source(iter([1]), then_block=True)

    async def read() -> None:
        async with aclosing(threads.iterate(lambda: source, maxsize=4, close=Source.close)) as batches:
            async for batch in batches:
                assert batch == (1,)

    task = asyncio.create_task(read())
    await until_there(lambda: source.taken == 1)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_there(lambda: source.closings == 1)


async def test_a_source_that_opens_after_the_reader_has_left_is_closed() -> None:
    may_open = threading.Event()
    source = Source(iter([]), then_block=True)

    def slow() -> Source:
        may_open.wait()
        return source

    task = asyncio.create_task(anext(threads.iterate(slow, maxsize=4, close=Source.close)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_open.set()
    await until_there(lambda: source.closings == 1)


async def test_a_close_that_fails_is_dropped() -> None:
    def refuse(_: object) -> None:
        raise OSError("cannot close an ssh stream")

    batches = [batch async for batch in threads.iterate(lambda: [1], maxsize=4, close=refuse)]
    assert batches == [(1,)]


def test_a_hung_call_does_not_keep_the_process_alive() -> None:
    program = (
        "import asyncio, time\n"
        "from nemotui.adapters import threads\n"
        "async def main():\n"
        "    try:\n"
        "        await threads.call(time.sleep, 3600, timeout_s=0.1)\n"
        "    except TimeoutError:\n"
        "        print('gave up')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "gave up\n"
