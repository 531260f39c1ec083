"""The machine through NVML, the driver's own interface: initialised once, and never waited for in vain.

Initialising anew for each sample wakes sleeping GPUs and can take half a minute; shutting down beside a running call
crashes the process (nvitop#222); no call can be cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nemotui.adapters import threads
from nemotui.adapters.host import HostReadings
from nemotui.adapters.nvml_driver import Driver, links_between
from nemotui.adapters.nvml_gpu import SLOW_S
from nemotui.adapters.nvml_rows import GpuRows
from nemotui.adapters.nvml_sweep import Sweep
from nemotui.adapters.reading import Reading
from nemotui.core.errors import NemotuiError, Problem
from nemotui.core.hardware import DRIVER_SILENT, Gpu, GpuProcess, Host, Link, Machine, NoGpusError
from nemotui.core.surroundings import Disk
from nemotui.core.visible import marked

if TYPE_CHECKING:
    from nemotui.core.ports import Clock

# A GPU that is gone is looked for by initialising anew, which is dear: seldom, and ever more seldom.
_LOOK_AGAIN_S = 30.0
_LOOK_AGAIN_MOST_S = 480.0
_NAMES_PATIENCE_S = 0.5  # a container engine may be asked


class NvmlProbe:
    """`core.ports.MachineProbe` on the NVIDIA driver. `host`, `disk` and `process` are called on reading threads.

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
        disk: Callable[[], Disk | None] = lambda: None,
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
        self._host = HostReadings(host, disk, clock)
        self._sweep = Sweep((), clock)
        self._links: Reading[tuple[Link, ...]] | None = None
        self._linked: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())  # GPUs, those without fabric
        self._rows = GpuRows()
        self._names: Reading[dict[int, GpuProcess]] = Reading(dict, clock)
        self._named: frozenset[int] = frozenset()  # PIDs
        self._opened_at: float | None = None
        self._look_again_s = _LOOK_AGAIN_S

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        """The machine now, with the `detail` of the GPU of that UUID.

        A GPU that does not answer keeps its last values, with their age; no further call is made beside the one that
        hangs, and the others are not held up. `anew`: initialise again for the sake of GPUs that are gone, though
        others answer. Raises `NoGpusError` when there is no driver, or no GPU of it has ever answered.
        """
        self._host.begin()
        problem = await self._open(anew)
        host = await self._host.now()
        if problem is None:
            problem = await self._read_gpus(host, detail)
        else:
            self._rows.silence(problem.message, self._clock.monotonic())
        if problem and not self._rows.now:
            raise NoGpusError(Machine(host=host, error=problem))
        await self._read_links()
        await self._read_names()
        return self._machine(host, problem)

    async def close(self) -> None:
        """Shut NVML down, unless a call still runs after `drain_s`: then the end of the process does it."""
        if running := self._running():
            _, late = await asyncio.wait(running, timeout=self._drain_s)
            if late:
                return
        with contextlib.suppress(TimeoutError):
            await threads.call(self._driver.close, timeout_s=2 * self._drain_s)

    async def _open(self, anew: bool) -> Problem | None:
        """Initialise at first, and anew where that costs nothing or is wished for; why it cannot be, if so."""
        if self._must_open(anew):
            self._opened_at = self._clock.monotonic()
            self._sweep, self._links = Sweep((), self._clock), None
            self._opening.begin()
        await self._opening.wait(self._patience_s if self._rows.now else self._init_patience_s)
        problem = None
        try:
            self._opening.check()
        except NemotuiError as error:
            problem = error.problem
        if self._opening.running:
            problem = DRIVER_SILENT
        if problem is None and self._sweep.devices is not self._driver.devices:
            self._sweep = Sweep(self._driver.devices, self._clock)
        return problem

    def _must_open(self, anew: bool) -> bool:
        """An initialisation may hang, and GPUs that answer would be silent with it: never for a lost neighbour's sake.

        Nor may there be one beside a call.
        """
        if self._opened_at is None or (self._opening.failed and not self._rows.now):
            return True
        if self._running():
            return False
        gone = [row.gone for row in self._rows.now]
        if anew and (self._opening.failed or any(gone)):
            return True
        if not self._opening.failed and not (gone and all(gone)):
            self._look_again_s = _LOOK_AGAIN_S
            return False
        if self._clock.monotonic() - self._opened_at < self._look_again_s:
            return False
        self._look_again_s = min(2 * self._look_again_s, _LOOK_AGAIN_MOST_S)
        return True

    async def _read_gpus(self, host: Host, detail: str | None) -> Problem | None:
        first_patience_s = self._patience_s if self._rows.now else self._first_patience_s
        await self._sweep.read(host, detail, first_patience_s, self._patience_s)
        rows = self._sweep.rows()
        silent = bool(rows) and all(row.state == "not-answering" for row in rows)
        if not silent or self._rows.now:
            self._rows.take(rows, self._clock.monotonic())
        return DRIVER_SILENT if silent else None

    async def _read_links(self) -> None:
        """Once, and again when another GPU has answered or its fabric has changed."""
        down = frozenset(row.uuid for row in self._rows.now if row.fabric in ("starting", "failed"))
        devices = self._sweep.answering
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
        if not row.processes:
            return row
        known = self._names.last or {}
        return replace(
            row,
            processes=tuple(
                replace(known.get(process.pid, process), memory_bytes=process.memory_bytes) for process in row.processes
            ),
        )

    def _machine(self, host: Host, problem: Problem | None) -> Machine:
        rows = tuple(self._with_names(row) for row in self._rows.now)
        return replace(
            self._driver.versions,
            gpus=marked(self._visible_devices, self._device_order, rows),
            links=(self._links.last if self._links else None) or (),
            host=host,
            error=problem,
        )

    def _running(self) -> list[asyncio.Task[None]]:
        """What is inside the driver."""
        readings: list[Reading[Any]] = [self._opening, *([self._links] if self._links else [])]
        return [*(reading.task for reading in readings if reading.task and reading.running), *self._sweep.running]
