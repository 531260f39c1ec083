"""A library object to put in the place of the driver's, under the real nvidia-ml-py.

`pynvml` calls it as it calls the C library, so its structures, version words, two-phase queries, error classes and
decoding are all in the test. It refuses what a driver refuses, and notes in `crashes` what would crash a process.
A function that is not defined here, or is named in `absent`, is one that the driver does not export.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SUCCESS = 0
UNINITIALIZED = 1
INVALID_ARGUMENT = 2
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
INSUFFICIENT_SIZE = 7
INSUFFICIENT_POWER = 8
DRIVER_NOT_LOADED = 9
TIMEOUT = 10
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
RESET_REQUIRED = 16
VERSION_MISMATCH = 18
ARGUMENT_VERSION_MISMATCH = 25
UNKNOWN = 999

MIB = 2**20
NOT_AVAILABLE = 2**64 - 1


@dataclass
class FakeSlice:
    """A MIG device."""

    uuid: str
    name: bytes = b"NVIDIA H100 80GB HBM3 MIG 3g.40gb"
    total: int = 40_320 * MIB
    used: int = 0
    reserved: int = 0
    errors: dict[str, int] = field(default_factory=dict)


@dataclass
class FakeGpu:
    """An idle H100. `errors`: function name to return code; "*" is every function of this GPU."""

    uuid: str
    name: bytes = b"NVIDIA H100 80GB HBM3"
    bus_id: bytes = b"00000000:1B:00.0"
    capability: tuple[int, int] = (9, 0)
    total: int = 81559 * MIB
    reserved: int = 516 * MIB
    used: int = 0
    utilization: int = 0
    temperature: int = 30
    power_mw: int = 70_000
    power_limit_mw: int = 700_000
    sm_clock: int = 345
    reasons: int = 1
    ecc: int = 0
    persistence: int = 1
    mig: int = 0
    compute: list[tuple[int, int]] = field(default_factory=list)
    graphics: list[tuple[int, int]] = field(default_factory=list)
    lanes: list[bytes] = field(default_factory=list)
    switched: bool = False  # its lanes end at switches
    numa: int = 0
    fabric: tuple[int, int] = (0, 0)  # nvmlGpuFabricState_t, and the status that counts when it is completed
    xids: list[int] = field(default_factory=list)
    slices: dict[int, FakeSlice] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


class FakeNvml:
    """`nvlink`: pairs of indices whose P2P status is OK; `levels`: nvmlGpuTopologyLevel_t by pair of indices."""

    def __init__(self, *gpus: FakeGpu) -> None:
        self.gpus = gpus
        self.absent: set[str] = set()
        self.init_error = SUCCESS
        self.count_error = SUCCESS
        self.driver = b"580.159.04"
        self.cuda = 13000
        self.nvlink: set[tuple[int, int]] = set()
        self.levels: dict[tuple[int, int], int] = {}
        self.hang_in = ""
        self.hang_gpu: int | None = None  # only this one's calls; None: whichever is asked
        self.hung = threading.Event()  # a call hangs now
        self.release = threading.Event()  # set it to let that call go on
        self.calls: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.inits = 0
        self._inside = 0
        self._generation = 0
        self._counting = threading.Lock()  # each GPU is asked on a thread of its own
        self._event_sets = itertools.count(_FIRST_EVENT_SET)
        self._registered: dict[int, int] = {}  # event set to GPU
        self._failed: set[int] = set()  # handles that answered with an error after which they must not be used

    def forget_handles(self) -> None:
        """What a new initialisation gives is another handle."""
        self._generation += 1
        self._failed.clear()

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name.startswith("_") or name in self.absent:
            raise AttributeError(name)
        implementation: Callable[..., int] = object.__getattribute__(self, "_" + name)

        def function(*args: Any) -> int:
            with self._counting:
                self.calls[name] += 1
                self._inside += 1
            try:
                return self._run(name, implementation, args)
            finally:
                with self._counting:
                    self._inside -= 1

        return function

    def _run(self, name: str, implementation: Callable[..., int], args: tuple[Any, ...]) -> int:
        if name == self.hang_in and (self.hang_gpu is None or self._index(args[0]) == self.hang_gpu):
            self.hung.set()
            self.release.wait()
        if name == "nvmlShutdown" and self._inside > 1:
            self.crashes.append("nvmlShutdown beside a running call")
        if self.inits == 0 and name not in ("nvmlInitWithFlags", "nvmlShutdown"):
            return UNINITIALIZED
        if not name.startswith("nvmlDevice") or name in ("nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2"):
            return implementation(*args)
        if (part := self._slice(args[0])) is not None:
            code = part.errors.get(name, SUCCESS)
            return implementation(part, *args[1:]) if code == SUCCESS else code
        index = self._index(args[0])
        if index is None or index in self._failed:
            self.crashes.append(f"{name} with a failed handle")
            return UNKNOWN
        gpu = self.gpus[index]
        code = gpu.errors.get(name, gpu.errors.get("*", SUCCESS))
        if code in (GPU_IS_LOST, RESET_REQUIRED):
            self._failed.add(index)
        return implementation(gpu, *args[1:]) if code == SUCCESS else code

    # The library

    def _nvmlInitWithFlags(self, flags: int) -> int:
        if self.init_error == SUCCESS:
            self.inits += 1
            self.forget_handles()
        return self.init_error

    def _nvmlShutdown(self) -> int:
        if self.inits == 0:
            return UNINITIALIZED
        self.inits -= 1
        return SUCCESS

    def _nvmlSystemGetDriverVersion(self, buffer: Any, length: Any) -> int:
        return _text(buffer, length, self.driver)

    def _nvmlSystemGetCudaDriverVersion_v2(self, out: Any) -> int:
        return _number(out, self.cuda)

    def _nvmlDeviceGetCount_v2(self, out: Any) -> int:
        return self.count_error or _number(out, len(self.gpus))

    def _nvmlDeviceGetHandleByIndex_v2(self, index: Any, out: Any) -> int:
        if index.value >= len(self.gpus):
            return INVALID_ARGUMENT
        errors = self.gpus[int(index.value)].errors
        if code := errors.get("nvmlDeviceGetHandleByIndex_v2", errors.get("*", SUCCESS)):
            return code
        return _handle(out, self._first + index.value)

    # One GPU

    def _nvmlDeviceGetName(self, gpu: FakeGpu, buffer: Any, length: Any) -> int:
        return _text(buffer, length, gpu.name)

    def _nvmlDeviceGetUUID(self, gpu: FakeGpu, buffer: Any, length: Any) -> int:
        return _text(buffer, length, gpu.uuid.encode())

    def _nvmlDeviceGetPciInfo_v3(self, gpu: FakeGpu, out: Any) -> int:
        out._obj.busId = gpu.bus_id
        return SUCCESS

    def _nvmlDeviceGetCudaComputeCapability(self, gpu: FakeGpu, major: Any, minor: Any) -> int:
        return _number(major, gpu.capability[0]) or _number(minor, gpu.capability[1])

    def _nvmlDeviceGetEnforcedPowerLimit(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, gpu.power_limit_mw)

    def _nvmlDeviceGetUtilizationRates(self, gpu: FakeGpu, out: Any) -> int:
        out._obj.gpu = gpu.utilization
        return SUCCESS

    def _nvmlDeviceGetTemperatureV(self, gpu: FakeGpu, out: Any) -> int:
        if out._obj.version != 0x100000C:
            return ARGUMENT_VERSION_MISMATCH
        out._obj.temperature = gpu.temperature
        return SUCCESS

    def _nvmlDeviceGetTemperature(self, gpu: FakeGpu, sensor: Any, out: Any) -> int:
        return INVALID_ARGUMENT if sensor.value != 0 else _number(out, gpu.temperature)

    def _nvmlDeviceGetPowerUsage(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, gpu.power_mw)

    def _nvmlDeviceGetClockInfo(self, gpu: FakeGpu, kind: Any, out: Any) -> int:
        clocks = {1: gpu.sm_clock, 2: 2619}
        return INVALID_ARGUMENT if kind.value not in clocks else _number(out, clocks[kind.value])

    def _nvmlDeviceGetMemoryInfo(self, gpu: FakeGpu, out: Any) -> int:
        # Version 1 counts what the driver reserves as used.
        return _memory(out._obj, gpu, used=gpu.used + gpu.reserved)

    def _nvmlDeviceGetMemoryInfo_v2(self, gpu: FakeGpu, out: Any) -> int:
        if out._obj.version != 0x02000028:
            return ARGUMENT_VERSION_MISMATCH
        out._obj.reserved = gpu.reserved
        return _memory(out._obj, gpu, used=gpu.used)

    def _nvmlDeviceGetCurrentClocksEventReasons(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, gpu.reasons)

    def _nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, gpu.reasons)

    def _nvmlDeviceGetTotalEccErrors(self, gpu: FakeGpu, kind: Any, counter: Any, out: Any) -> int:
        counts = {(0, 0): 7, (1, 0): gpu.ecc}  # corrected, uncorrected
        return INVALID_ARGUMENT if (kind.value, counter.value) not in counts else _number(out, counts[kind.value, 0])

    def _nvmlDeviceGetPersistenceMode(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, gpu.persistence)

    def _nvmlDeviceGetMigMode(self, gpu: FakeGpu, current: Any, pending: Any) -> int:
        return _number(current, gpu.mig) or _number(pending, gpu.mig)

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, gpu: FakeGpu, count: Any, array: Any) -> int:
        return _processes(gpu.compute, count, array)

    def _nvmlDeviceGetComputeRunningProcesses_v2(self, gpu: FakeGpu, count: Any, array: Any) -> int:
        return _processes(gpu.compute, count, array)

    def _nvmlDeviceGetGraphicsRunningProcesses_v3(self, gpu: FakeGpu, count: Any, array: Any) -> int:
        return _processes(gpu.graphics, count, array)

    def _nvmlDeviceGetGpuFabricInfoV(self, gpu: FakeGpu, out: Any) -> int:
        if out._obj.version != 0x02000024:
            return ARGUMENT_VERSION_MISMATCH
        out._obj.state, out._obj.status = gpu.fabric
        return SUCCESS

    def _nvmlDeviceGetMaxMigDeviceCount(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, 7)

    def _nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: FakeGpu, index: Any, out: Any) -> int:
        if index.value not in gpu.slices:
            return NOT_FOUND
        return _handle(out, _FIRST_SLICE + 7 * self.gpus.index(gpu) + index.value)

    # Errors that the driver notes

    def _nvmlEventSetCreate(self, out: Any) -> int:
        with self._counting:
            return _handle(out, next(self._event_sets))

    def _nvmlDeviceRegisterEvents(self, gpu: FakeGpu, kinds: Any, events: Any) -> int:
        if kinds.value != 8:
            return INVALID_ARGUMENT
        self._registered[_address(events)] = self.gpus.index(gpu)
        return SUCCESS

    def _nvmlEventSetWait_v2(self, events: Any, out: Any, timeout_ms: Any) -> int:
        if timeout_ms.value:
            self.crashes.append("a wait for events that blocks")
        xids = self.gpus[self._registered[_address(events)]].xids
        if not xids:
            return TIMEOUT
        out._obj.eventType, out._obj.eventData = 8, xids.pop(0)
        return SUCCESS

    def _nvmlEventSetFree(self, events: Any) -> int:
        self._registered.pop(_address(events), None)  # a set that watches nothing may be freed too
        return SUCCESS

    # What is only asked about one GPU that somebody looks at

    def _nvmlDeviceGetPcieThroughput(self, gpu: FakeGpu, counter: Any, out: Any) -> int:
        return _number(out, {0: 1000, 1: 3000}[counter.value])

    def _nvmlDeviceGetCurrPcieLinkGeneration(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, 5)

    def _nvmlDeviceGetCurrPcieLinkWidth(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, 16)

    def _nvmlDeviceGetTotalEnergyConsumption(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, 3_458_000)

    def _nvmlDeviceGetPerformanceState(self, gpu: FakeGpu, out: Any) -> int:
        return _number(out, 0)

    def _nvmlDeviceGetRemappedRows(self, gpu: FakeGpu, corrected: Any, uncorrected: Any, *flags: Any) -> int:
        return _number(corrected, 1) or _number(uncorrected, 2)

    # Links

    def _nvmlDeviceGetP2PStatus(self, gpu: FakeGpu, other: Any, kind: int, out: Any) -> int:
        if kind != 2:
            return INVALID_ARGUMENT
        return _number(out, 0 if self._pair(gpu, other) in self.nvlink else 6)

    def _nvmlDeviceGetTopologyCommonAncestor(self, gpu: FakeGpu, other: Any, out: Any) -> int:
        level = self.levels.get(self._pair(gpu, other))
        return UNKNOWN if level is None else _number(out, level)

    def _nvmlDeviceGetNvLinkState(self, gpu: FakeGpu, lane: int, out: Any) -> int:
        return _number(out, 1) if lane < len(gpu.lanes) else INVALID_ARGUMENT

    def _nvmlDeviceGetNvLinkRemotePciInfo_v2(self, gpu: FakeGpu, lane: int, out: Any) -> int:
        out._obj.busId = gpu.lanes[lane]
        return SUCCESS

    def _nvmlDeviceGetNvLinkRemoteDeviceType(self, gpu: FakeGpu, lane: int, out: Any) -> int:
        return _number(out, 2 if gpu.switched else 0)

    @property
    def _first(self) -> int:
        return _FIRST_HANDLE + 0x100 * self._generation

    def _index(self, handle: Any) -> int | None:
        """The GPU of a handle; None for one of an earlier initialisation."""
        index = _address(handle) - self._first
        return index if 0 <= index < len(self.gpus) else None

    def _slice(self, handle: Any) -> FakeSlice | None:
        gpu, place = divmod(_address(handle) - _FIRST_SLICE, 7)
        return self.gpus[gpu].slices[place] if 0 <= gpu < len(self.gpus) else None

    def _pair(self, gpu: FakeGpu, other: Any) -> tuple[int, int]:
        index = self._index(other)
        assert index is not None
        a, b = sorted((self.gpus.index(gpu), index))
        return a, b


_FIRST_HANDLE = 0x1000
_FIRST_SLICE = 0x100000
_FIRST_EVENT_SET = 0x200000


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _handle(out: Any, address: int) -> int:
    value = ctypes.c_void_p(address)
    ctypes.memmove(ctypes.byref(out._obj), ctypes.byref(value), ctypes.sizeof(value))
    return SUCCESS


def _number(out: Any, value: int) -> int:
    out._obj.value = value
    return SUCCESS


def _text(buffer: Any, length: Any, value: bytes) -> int:
    if length.value <= len(value):
        return INSUFFICIENT_SIZE
    buffer.value = value
    return SUCCESS


def _memory(out: Any, gpu: FakeGpu | FakeSlice, used: int) -> int:
    out.total = gpu.total
    out.used = used
    out.free = gpu.total - gpu.reserved - gpu.used
    return SUCCESS


def _processes(running: list[tuple[int, int]], count: Any, array: Any) -> int:
    room, count._obj.value = count._obj.value, len(running)
    if array is None and running:
        return INSUFFICIENT_SIZE
    if room < len(running):
        return INSUFFICIENT_SIZE
    for entry, (pid, memory) in zip(array or (), running, strict=False):
        entry.pid, entry.usedGpuMemory = pid, memory
    return SUCCESS
