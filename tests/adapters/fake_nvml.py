"""A library object to put in the place of the driver's, under the real nvidia-ml-py.

`pynvml` calls it as it calls the C library, so its structures, version words, two-phase queries, error classes and
decoding are all in the test. It refuses what a driver refuses, and notes in `crashes` what would crash a process.
A function that is not defined here, or is named in `absent`, is one that the driver does not export.
"""

from __future__ import annotations

import ctypes
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
INSUFFICIENT_SIZE = 7
INSUFFICIENT_POWER = 8
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
RESET_REQUIRED = 16
VERSION_MISMATCH = 18
ARGUMENT_VERSION_MISMATCH = 25
UNKNOWN = 999

MIB = 2**20
NOT_AVAILABLE = 2**64 - 1


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
        self.hung = threading.Event()  # a call hangs now
        self.release = threading.Event()  # set it to let that call go on
        self.calls: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.inits = 0
        self._inside = 0
        self._failed: set[int] = set()  # handles that answered with an error after which they must not be used

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name.startswith("_") or name in self.absent:
            raise AttributeError(name)
        implementation: Callable[..., int] = object.__getattribute__(self, "_" + name)

        def function(*args: Any) -> int:
            self.calls[name] += 1
            self._inside += 1
            try:
                return self._run(name, implementation, args)
            finally:
                self._inside -= 1

        return function

    def _run(self, name: str, implementation: Callable[..., int], args: tuple[Any, ...]) -> int:
        if name == self.hang_in:
            self.hung.set()
            self.release.wait()
        if name == "nvmlShutdown" and self._inside > 1:
            self.crashes.append("nvmlShutdown beside a running call")
        if self.inits == 0 and name not in ("nvmlInitWithFlags", "nvmlShutdown"):
            return UNINITIALIZED
        if not name.startswith("nvmlDevice") or name in ("nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2"):
            return implementation(*args)
        index = _index(args[0])
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
        address = ctypes.c_void_p(_FIRST_HANDLE + index.value)
        ctypes.memmove(ctypes.byref(out._obj), ctypes.byref(address), ctypes.sizeof(address))
        return SUCCESS

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
        return INVALID_ARGUMENT if kind.value != 1 else _number(out, gpu.sm_clock)

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
        return INVALID_ARGUMENT if (kind.value, counter.value) != (1, 0) else _number(out, gpu.ecc)

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

    def _pair(self, gpu: FakeGpu, other: Any) -> tuple[int, int]:
        index = _index(other)
        assert index is not None
        a, b = sorted((self.gpus.index(gpu), index))
        return a, b


_FIRST_HANDLE = 0x1000


def _index(handle: Any) -> int | None:
    address = ctypes.cast(handle, ctypes.c_void_p).value
    return None if address is None else address - _FIRST_HANDLE


def _number(out: Any, value: int) -> int:
    out._obj.value = value
    return SUCCESS


def _text(buffer: Any, length: Any, value: bytes) -> int:
    if length.value <= len(value):
        return INSUFFICIENT_SIZE
    buffer.value = value
    return SUCCESS


def _memory(out: Any, gpu: FakeGpu, used: int) -> int:
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
