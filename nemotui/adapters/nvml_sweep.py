"""All GPUs read in turn on one thread; where one does not come back, the rest are read on others.

A thread for each GPU costs more than the calls: each call gives the interpreter to the next thread, and back. But a
call on a sick GPU may block for minutes (DCGM#313), so the GPUs still to be read are a queue that any thread serves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nemotui.adapters import threads
from nemotui.adapters.nvml_gpu import Device
from nemotui.core.hardware import Gpu, Host

if TYPE_CHECKING:
    from nemotui.core.ports import Clock


class Sweep:
    """The GPUs of one initialisation of the driver."""

    def __init__(self, devices: Sequence[Device], clock: Clock) -> None:
        self.devices = devices
        self._clock = clock
        self._gpus = [_Asked(device, clock.monotonic()) for device in devices]
        self._queue: deque[_Asked] = deque()
        self._threads: set[asyncio.Task[None]] = set()
        self._stuck: set[asyncio.Task[None]] = set()
        self._answers = 0
        self._host = Host()
        self._detail: str | None = None

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """The threads that are inside the driver."""
        return self._threads

    @property
    def answering(self) -> list[Device]:
        """The GPUs that have answered, and are not being asked."""
        return [gpu.device for gpu in self._gpus if gpu.last and not gpu.asked]

    def rows(self) -> tuple[Gpu, ...]:
        """What each has said now, or why it has not."""
        return tuple(gpu.row(self._clock.monotonic()) for gpu in self._gpus)

    async def read(self, host: Host, detail: str | None, first_patience_s: float, patience_s: float) -> None:
        """Ask every GPU that is not being asked, and wait while they answer one after another.

        `detail`: the UUID of the one to be asked for its details. `first_patience_s`: how long to wait for the first
        answer if there never was one; `patience_s`: for any other.
        """
        self._host, self._detail = host, detail
        for gpu in self._gpus:
            if not gpu.asked:
                gpu.ask(self._clock.monotonic())
                self._queue.append(gpu)
        first = not any(gpu.last for gpu in self._gpus)
        self._start(len(self._queue) if first else min(1, len(self._queue)))  # sleeping GPUs shall wake together
        patience_s, next_patience_s = (first_patience_s if first else patience_s), patience_s
        while waiting := self._threads - self._stuck:
            before = self._answers
            done, _ = await asyncio.wait(waiting, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            patience_s = next_patience_s
            if not done and self._answers == before:
                self._stuck |= waiting
                self._start(len(self._queue))

    def _start(self, count: int) -> None:
        for _ in range(count):
            task = asyncio.create_task(threads.call(self._serve))
            self._threads.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._threads.discard(task)
        self._stuck.discard(task)

    def _serve(self) -> None:
        """A thread: GPUs from the queue, until there are none."""
        while True:
            try:
                gpu = self._queue.popleft()
            except IndexError:
                return
            gpu.read(self._clock.monotonic(), self._host, self._detail)
            self._answers += 1


class _Asked:
    """One GPU: what it said last, and since when it is being asked."""

    def __init__(self, device: Device, now: float) -> None:
        self.device = device
        self.asked = False
        self.last: Gpu | None = None
        self._since = now

    def ask(self, now: float) -> None:
        self.asked, self._since = True, now

    def read(self, now: float, host: Host, detail: str | None) -> None:
        self.last = self.device.read(now, host, detail is not None and self.device.uuid == detail)
        self.asked = False

    def row(self, now: float) -> Gpu:
        if self.last and not self.asked:
            return self.last
        words = "no answer for {:.0f} s" if self.last else "asked {:.0f} s ago"
        row = self.last or self.device.row()
        return replace(row, state="not-answering", state_reason=words.format(now - self._since))
