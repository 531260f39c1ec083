"""The machine through NVML, the driver's own interface: initialised once, each GPU on a thread of its own.

Initialising anew for each sample wakes sleeping GPUs and can take half a minute; shutting down beside a running call
crashes the process (nvitop#222); a call on a sick GPU may block for minutes and cannot be cancelled (DCGM#313), while
other threads go on asking its neighbours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nemotui.adapters import threads
from nemotui.adapters.nvml_driver import Driver, links_between
from nemotui.adapters.nvml_gpu import SLOW_S, Device
from nemotui.adapters.nvml_rows import GpuRows
from nemotui.adapters.reading import Reading
from nemotui.core.errors import NemotuiError, NothingThereError, Problem
from nemotui.core.hardware import Gpu, GpuProcess, Host, Link, Machine
from nemotui.core.ports import Clock
from nemotui.core.visible import order_is_known, visible_gpus

# A GPU that is gone is looked for by initialising anew, which is dear: seldom, and ever more seldom.
_LOOK_AGAIN_S = 30.0
_LOOK_AGAIN_MOST_S = 480.0
_NAMES_PATIENCE_S = 0.5  # a container engine may be asked
_ORDER = "whether CUDA_VISIBLE_DEVICES hides it is unknown: set CUDA_DEVICE_ORDER=PCI_BUS_ID"
_SILENT = Problem(
    "driver_not_answering",
    "the NVIDIA driver does not answer",
    "Look for GPU errors with `sudo dmesg | grep -i xid`.",
)


class NvmlProbe:
    """`core.ports.MachineProbe` on the NVIDIA driver. `host` and `process` are called on reading threads.

    `visible_devices` and `device_order` are the values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER.
    `init_patience_s`: how long the driver may take to initialise; `first_patience_s`: how long to wait for the first
    GPU that answers at all; `patience_s`: how long for each more at first, and for all later, before one counts as not
    answering; `drain_s`: how long `close` waits for running calls.
    """

    def __init__(
        self,
        host: Callable[[], Host],
        process: Callable[[int, int | None], GpuProcess],
        clock: Clock,
        *,
        visible_devices: str | None = None,
        device_order: str | None = None,
        init_patience_s: float = 60.0,
        first_patience_s: float = 10.0,
        patience_s: float = 1.5,
        drain_s: float = 0.5,
    ) -> None:
        self._driver = Driver()
        self._process = process
        self._clock = clock
        self._visible_devices = visible_devices
        self._device_order = device_order
        self._init_patience_s = init_patience_s
        self._first_patience_s = first_patience_s
        self._patience_s = patience_s
        self._drain_s = drain_s
        self._opening = Reading(self._driver.open, clock)
        self._host = Reading(host, clock)
        self._gpus: tuple[_GpuReading, ...] = ()
        self._links: Reading[tuple[Link, ...]] | None = None
        self._linked: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())  # GPUs, those without fabric
        self._rows = GpuRows()
        self._names: Reading[dict[int, GpuProcess]] = Reading(dict, clock)
        self._named: frozenset[int] = frozenset()  # PIDs
        self._opened_at: float | None = None
        self._look_again_s = _LOOK_AGAIN_S

    async def sample(self, detail: str | None = None) -> Machine:
        """The machine now, with the `detail` of the GPU of that UUID.

        A GPU that does not answer keeps its last values, with their age; no further call is made beside the one that
        hangs, and the others are not held up. Raises `NothingThereError` when there is no driver, or no GPU of it has
        ever answered.
        """
        problem = await self._open()
        self._host.begin()
        await self._host.wait(self._patience_s)
        host = self._host.last or Host()
        if problem is None:
            problem = await self._read_gpus(host, detail)
            await self._read_links()
        else:
            self._rows.silence(problem.message, self._clock.monotonic())
        await self._read_names()
        return self._machine(host, problem)

    async def close(self) -> None:
        """Shut NVML down, unless a call still runs after `drain_s`: then the end of the process does it."""
        if running := [reading.task for reading in self._readings() if reading.task and reading.running]:
            _, late = await asyncio.wait(running, timeout=self._drain_s)
            if late:
                return
        with contextlib.suppress(TimeoutError):
            await threads.call(self._driver.close, timeout_s=2 * self._drain_s)

    async def _open(self) -> Problem | None:
        """Initialise at first, and anew where GPUs are gone and nothing is being asked; why it cannot be, if so."""
        if self._must_open():
            self._opened_at = self._clock.monotonic()
            self._gpus, self._links = (), None
            self._opening.begin()
        await self._opening.wait(self._patience_s if self._rows.now else self._init_patience_s)
        problem = None
        try:
            self._opening.check()
        except NemotuiError as error:
            problem = error.problem
        if self._opening.running:
            problem = _SILENT
        if problem and not self._rows.now:
            raise NothingThereError(problem.kind, problem.message, problem.fix)
        if problem is None and not self._gpus:
            self._gpus = tuple(_GpuReading(device, self._clock) for device in self._driver.devices)
        return problem

    def _must_open(self) -> bool:
        if self._opened_at is None or (self._opening.failed and not self._rows.now):
            return True
        if any(reading.running for reading in self._readings()):
            return False
        if not self._opening.failed and not any(row.gone for row in self._rows.now):
            self._look_again_s = _LOOK_AGAIN_S
            return False
        if self._clock.monotonic() - self._opened_at < self._look_again_s:
            return False
        self._look_again_s = min(2 * self._look_again_s, _LOOK_AGAIN_MOST_S)
        return True

    async def _read_gpus(self, host: Host, detail: str | None) -> Problem | None:
        for gpu in self._gpus:
            gpu.ask(host, detail=gpu.device.uuid == detail)
        await self._wait_for_gpus()
        rows = tuple(self._row(gpu) for gpu in self._gpus)
        silent = bool(rows) and all(row.state == "not-answering" for row in rows)
        if silent and not self._rows.now:
            raise NothingThereError(_SILENT.kind, _SILENT.message, _SILENT.fix)
        self._rows.take(rows, self._clock.monotonic())
        return _SILENT if silent else None

    async def _wait_for_gpus(self) -> None:
        """As long as one after the other answers at first, for sleeping ones wake in turn; then `patience_s`."""
        if any(gpu.last for gpu in self._gpus):
            await asyncio.gather(*(gpu.wait(self._patience_s) for gpu in self._gpus))
            return
        pending = {gpu.task for gpu in self._gpus if gpu.task and gpu.running}
        patience_s = self._patience_s if self._rows.now else self._first_patience_s
        while pending:
            answered, pending = await asyncio.wait(pending, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            if not answered:
                return
            patience_s = self._patience_s

    def _row(self, gpu: _GpuReading) -> Gpu:
        gpu.check()
        if gpu.last and not gpu.running:
            return gpu.last
        row = gpu.last or gpu.device.row()
        words = "no answer for {:.0f} s" if gpu.last else "asked {:.0f} s ago"
        return replace(row, state="not-answering", state_reason=words.format(gpu.waiting_s))

    async def _read_links(self) -> None:
        """Once, and again when another GPU has answered or its fabric has changed."""
        down = frozenset(row.uuid for row in self._rows.now if row.fabric in ("starting", "failed"))
        devices = [gpu.device for gpu in self._gpus if gpu.last and not gpu.running]
        about = (frozenset(device.uuid for device in devices), down)
        if self._links is None or (
            not self._links.running and not (about[0] <= self._linked[0] and down == self._linked[1])
        ):
            self._linked = about
            self._links = Reading(lambda: links_between(devices, down), self._clock)
            self._links.begin()
        await self._links.wait(self._patience_s)

    async def _read_names(self) -> None:
        """Who the processes are, anew every few seconds: a PID may become another's. The GPUs do not wait for it."""
        pids = frozenset(process.pid for row in self._rows.now for process in row.processes)
        if not self._names.running and (pids - self._named or (pids and self._names.waiting_s >= SLOW_S)):
            self._named = pids
            self._names = Reading(lambda: {pid: self._who(pid) for pid in pids}, self._clock, self._names.last)
            self._names.begin()
        await self._names.wait(_NAMES_PATIENCE_S)

    def _who(self, pid: int) -> GpuProcess:
        try:
            return self._process(pid, None)
        except Exception:  # whatever it is, the process holds its memory all the same
            return GpuProcess(pid=pid)

    def _with_names(self, row: Gpu) -> Gpu:
        known = self._names.last or {}
        return replace(
            row,
            processes=tuple(
                replace(known.get(process.pid, process), memory_bytes=process.memory_bytes) for process in row.processes
            ),
        )

    def _machine(self, host: Host, problem: Problem | None) -> Machine:
        rows = self._rows.now
        if order_is_known(self._visible_devices, self._device_order, rows):
            visible = visible_gpus(self._visible_devices, rows)
        else:
            visible = frozenset(row.uuid for row in rows)
            rows = tuple(replace(row, unknown={**row.unknown, "visible": _ORDER}) for row in rows)
        return replace(
            self._driver.versions,
            gpus=tuple(replace(self._with_names(row), visible=row.uuid in visible) for row in rows),
            links=(self._links.last if self._links else None) or (),
            host=host,
            error=problem,
        )

    def _readings(self) -> list[Reading[Any]]:
        return [self._opening, self._host, *self._gpus, *([self._links] if self._links else [])]


class _GpuReading(Reading[Gpu]):
    """One GPU's rows."""

    def __init__(self, device: Device, clock: Clock) -> None:
        super().__init__(self._row, clock)
        self.device = device
        self._host = Host()
        self._detail = False

    def ask(self, host: Host, *, detail: bool) -> None:
        """Begin, unless the last question is not answered yet."""
        if not self.running:
            self._host, self._detail = host, detail
            self.begin()

    def _row(self) -> Gpu:
        return self.device.read(self._clock.monotonic(), self._host, self._detail)
