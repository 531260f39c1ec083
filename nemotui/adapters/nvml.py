"""The machine through NVML, the driver's own interface: initialised once, each GPU on a thread of its own.

Initialising anew for each sample wakes sleeping GPUs and can take half a minute; shutting down beside a running call
crashes the process (nvitop#222); a call on a sick GPU may block for minutes and cannot be cancelled (DCGM#313), while
other threads go on asking its neighbours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from nemotui.adapters import threads
from nemotui.adapters.nvml_driver import Driver, links_between
from nemotui.adapters.nvml_gpu import Device
from nemotui.core.errors import NemotuiError, NothingThereError, Problem
from nemotui.core.hardware import Gpu, GpuProcess, Host, Link, Machine
from nemotui.core.ports import Clock
from nemotui.core.visible import visible_gpus

T = TypeVar("T")

# A GPU that is gone is looked for by initialising anew, which is dear: seldom, and ever more seldom.
_LOOK_AGAIN_S = 30.0
_LOOK_AGAIN_MOST_S = 480.0
_GONE = ("lost", "reset-required", "error")
_SILENT = Problem(
    "driver_not_answering",
    "the NVIDIA driver does not answer",
    "Look for GPU errors with `sudo dmesg | grep -i xid`.",
)


class NvmlProbe:
    """`core.ports.MachineProbe` on the NVIDIA driver. `host` and `process` are called on reading threads.

    `visible_devices` is the value of CUDA_VISIBLE_DEVICES. `init_patience_s`: how long the driver may take to
    initialise; `first_patience_s`, `patience_s`: how long a GPU may take to answer at first and later, before it
    counts as not answering; `drain_s`: how long `close` waits for running calls.
    """

    def __init__(
        self,
        host: Callable[[], Host],
        process: Callable[[int, int | None], GpuProcess],
        clock: Clock,
        *,
        visible_devices: str | None = None,
        init_patience_s: float = 60.0,
        first_patience_s: float = 10.0,
        patience_s: float = 2.0,
        drain_s: float = 0.5,
    ) -> None:
        self._driver = Driver(process)
        self._clock = clock
        self._visible_devices = visible_devices
        self._init_patience_s = init_patience_s
        self._first_patience_s = first_patience_s
        self._patience_s = patience_s
        self._drain_s = drain_s
        self._opening = _Reading(self._driver.open, clock)
        self._host = _Reading(host, clock)
        self._gpus: tuple[_GpuReading, ...] = ()
        self._links: _Reading[tuple[Link, ...]] | None = None
        self._linked: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())  # GPUs, those without fabric
        self._rows: tuple[Gpu, ...] = ()
        self._rows_at = 0.0
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
            self._rows = tuple(self._aged(row, problem.message) for row in self._rows)
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
        await self._opening.wait(self._patience_s if self._rows else self._init_patience_s)
        problem = None
        try:
            self._opening.check()
        except NemotuiError as error:
            problem = error.problem
        if self._opening.running:
            problem = _SILENT
        if problem and not self._rows:
            raise NothingThereError(problem.kind, problem.message, problem.fix)
        if problem is None and not self._gpus:
            self._gpus = tuple(_GpuReading(device, self._clock) for device in self._driver.devices)
        return problem

    def _must_open(self) -> bool:
        if self._opened_at is None or (self._opening.failed and not self._rows):
            return True
        if any(reading.running for reading in self._readings()):
            return False
        if not self._opening.failed and not any(row.state in _GONE for row in self._rows):
            self._look_again_s = _LOOK_AGAIN_S
            return False
        if self._clock.monotonic() - self._opened_at < self._look_again_s:
            return False
        self._look_again_s = min(2 * self._look_again_s, _LOOK_AGAIN_MOST_S)
        return True

    async def _read_gpus(self, host: Host, detail: str | None) -> Problem | None:
        for gpu in self._gpus:
            gpu.ask(host, detail=gpu.device.uuid == detail)
        await asyncio.gather(
            *(gpu.wait(self._patience_s if gpu.last else self._first_patience_s) for gpu in self._gpus)
        )
        rows = tuple(self._row(gpu) for gpu in self._gpus)
        if rows and all(row.state == "not-answering" for row in rows):
            if not any(gpu.last for gpu in self._gpus):
                raise NothingThereError(_SILENT.kind, _SILENT.message, _SILENT.fix)
            self._rows = rows
            return _SILENT
        self._rows, self._rows_at = _with_missing(rows, self._rows), self._clock.monotonic()
        return None

    def _row(self, gpu: _GpuReading) -> Gpu:
        gpu.check()
        if gpu.last and not gpu.running:
            return gpu.last
        silent = f"no answer for {gpu.waiting_s:.0f} s"
        if gpu.last is None:
            return replace(gpu.device.row(), state_reason=silent)
        return replace(gpu.last, state="not-answering", state_reason=silent, age_s=round(gpu.age_s, 1))

    def _aged(self, row: Gpu, reason: str) -> Gpu:
        """A row of before, while nothing can be asked."""
        if row.state in _GONE:
            return row
        age_s = round(self._clock.monotonic() - self._rows_at, 1)
        return replace(row, state="not-answering", state_reason=reason, age_s=age_s)

    async def _read_links(self) -> None:
        """Once, and again when another GPU has answered or its fabric has changed."""
        down = frozenset(row.uuid for row in self._rows if row.fabric in ("starting", "failed"))
        devices = [gpu.device for gpu in self._gpus if gpu.last and not gpu.running]
        about = (frozenset(device.uuid for device in devices), down)
        if self._links is None or (
            not self._links.running and not (about[0] <= self._linked[0] and down == self._linked[1])
        ):
            self._linked = about
            self._links = _Reading(lambda: links_between(devices, down), self._clock)
            self._links.begin()
        await self._links.wait(self._patience_s)

    def _machine(self, host: Host, problem: Problem | None) -> Machine:
        visible = visible_gpus(self._visible_devices, self._rows)
        return replace(
            self._driver.versions,
            gpus=tuple(replace(row, visible=row.uuid in visible) for row in self._rows),
            links=(self._links.last if self._links else None) or (),
            host=host,
            error=problem,
        )

    def _readings(self) -> list[_Reading[Any]]:
        return [self._opening, self._host, *self._gpus, *([self._links] if self._links else [])]


class _Reading(Generic[T]):
    """Something blocking that is read on a thread of its own, never twice at once. Its last answer stays."""

    def __init__(self, read: Callable[[], T], clock: Clock) -> None:
        self.task: asyncio.Task[None] | None = None
        self.last: T | None = None
        self._read = read
        self._clock = clock
        self._began_at = self._read_at = clock.monotonic()

    def begin(self) -> None:
        """Read, unless that is being done."""
        if self.running:
            return
        self._began_at = self._clock.monotonic()
        self.task = asyncio.create_task(self._run())
        # Nobody may be left to take what a late reading raised.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _run(self) -> None:
        self.last = await threads.call(self._read)
        self._read_at = self._clock.monotonic()

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def failed(self) -> bool:
        return self.task is not None and self.task.done() and self.task.exception() is not None

    @property
    def waiting_s(self) -> float:
        """How long the running call has taken."""
        return self._clock.monotonic() - self._began_at

    @property
    def age_s(self) -> float:
        """Since the last answer."""
        return self._clock.monotonic() - self._read_at

    def check(self) -> None:
        """Raise what the last reading raised."""
        if self.task and self.failed:
            self.task.result()

    async def wait(self, patience_s: float) -> None:
        """Until it has answered, but not for longer than that since it began."""
        if self.task and self.running:
            await asyncio.wait({self.task}, timeout=max(0.0, patience_s - self.waiting_s))


class _GpuReading(_Reading[Gpu]):
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


def _with_missing(now: Sequence[Gpu], before: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """The rows of now, and those of before that the driver does not list any more, as lost.

    Indices may shift when a GPU is gone (koordinator#2706), so rows are told apart by UUID. One that is counted and
    cannot be opened has none: it is taken for the one that is missing.
    """
    uuids = {gpu.uuid for gpu in now}
    missing = [gpu for gpu in before if gpu.uuid not in uuids and not gpu.uuid.startswith("unknown-")]
    rows = []
    for gpu in now:
        if missing and gpu.uuid.startswith("unknown-"):
            old = next((old for old in missing if old.index == gpu.index), missing[0])
            missing.remove(old)
            gpu = replace(gpu, uuid=old.uuid, name=old.name, pci_bus_id=old.pci_bus_id)
        rows.append(gpu)
    reason = "the driver does not list it any more"
    rows += [
        Gpu(index=index, uuid=old.uuid, name=old.name, pci_bus_id=old.pci_bus_id, state="lost", state_reason=reason)
        for index, old in enumerate(missing, len(rows))
    ]
    return tuple(rows)
