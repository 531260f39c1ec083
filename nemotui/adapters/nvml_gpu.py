"""One GPU as NVML tells it, blocking: identity once, fast fields at each reading, slow ones now and then.

NVML crashes the process when a handle that has failed is used again (nvitop#139, #145). So a GPU that is gone is never
asked again: its row stays and says why.
"""

from __future__ import annotations

import contextlib
import ctypes
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import psutil

from nemotui.core.hardware import Gpu, GpuProcess, GpuState, Host
from nemotui.core.text import plain_line

with warnings.catch_warnings():
    # The `pynvml` distribution, which other packages pull in, warns at the first import: over the screen.
    warnings.simplefilter("ignore")
    import pynvml as pynvml

T = TypeVar("T")

# Processes, ECC and MIG cost 25 to 4500 µs a call, the fast fields 1 to 8 µs (measured on an H200 and an RTX 4090).
SLOW_S = 5.0

# All that a call of the binding may raise. NVMLLibraryMismatchError is no NVMLError; names need not be UTF-8.
ERRORS = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError, UnicodeDecodeError, ctypes.ArgumentError)

_GONE: dict[int | None, GpuState] = {
    pynvml.NVML_ERROR_GPU_IS_LOST: "lost",
    pynvml.NVML_ERROR_RESET_REQUIRED: "reset-required",
}
_TOO_OLD = "the driver is too old to say"
# nvmlClocksEventReason*, without idle, which holds nothing back.
_THROTTLE = {
    0x2: "application clocks setting",
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
    0x100: "display clock setting",
}


def code_of(error: BaseException) -> int | None:
    """The nvmlReturn_t of an error, where it has one. (NVMLError can be neither hashed nor compared.)"""
    return error.value if isinstance(error, pynvml.NVMLError) else None


def _driver_is_older(error: BaseException) -> bool:
    unknown_call = (pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
    return isinstance(error, pynvml.NVMLLibraryMismatchError) or code_of(error) in unknown_call


def reason_of(error: BaseException) -> str:
    """An error of the binding, in the driver's own words where they help."""
    if _driver_is_older(error):
        return _TOO_OLD
    if isinstance(error, UnicodeDecodeError):
        return "the driver's answer is not UTF-8 text"
    return plain_line(str(error))


class GoneError(Exception):
    """This GPU does not answer any more, and must not be asked."""

    def __init__(self, state: GpuState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class _Answers:
    """What one round of questions gave, by the field names of `Gpu`: values, and for what has none the reason."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unknown: dict[str, str] = {}
        self.codes: dict[str, int | None] = {}

    def ask(self, field: str, *ways: Callable[[], T]) -> T | None:
        """The answer of the first way that the driver knows, newest first; None where it fails, the reason kept.

        Raises `GoneError` when the GPU is lost or waits for a reset.
        """
        for way in ways:
            try:
                answer = way()
            except ERRORS as error:
                code = self.codes[field] = code_of(error)
                self.unknown[field] = reason_of(error)
                if code in _GONE:
                    raise GoneError(_GONE[code], self.unknown[field]) from None
                if not _driver_is_older(error):
                    return None
            else:
                self.codes.pop(field, None)
                self.unknown.pop(field, None)
                return answer
        return None

    def take(self, field: str, *ways: Callable[[], Any]) -> None:
        """Ask, and keep the answer as that field's value."""
        self.values[field] = self.ask(field, *ways)


class Device:
    """The GPU at one NVML index, for as long as the driver stays initialised. One thread at a time may be inside."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.uuid = f"unknown-{index}"
        self.pci_bus_id: str | None = None
        self.handle: Any = None  # None once the GPU is gone
        self._gone: GoneError | None = None
        self._identity = _Answers()
        self._identity.values["name"] = "NVIDIA GPU"
        self._slow = _Answers()
        self._slow_at: float | None = None
        try:
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            self._identify()
        except GoneError as gone:
            self._lose(gone)
        except ERRORS as error:
            self._identity.unknown = dict.fromkeys(("uuid", "name"), reason_of(error))
            self._lose(GoneError(_GONE.get(code_of(error), "error"), reason_of(error)))

    def read(self, now: float, host: Host) -> Gpu:
        """The GPU at `now`, monotonic seconds. Never raises for what the driver says."""
        if self._gone is None:
            try:
                return self._read(now, host)
            except GoneError as gone:
                self._lose(gone)
                return self._row(gone)
        return self._row(self._gone)

    def between(self, other: Device, question: Callable[[Any, Any], T]) -> T | None:
        """A question about this GPU and another; None where either is gone or the driver does not say."""
        if self.handle is None or other.handle is None:
            return None
        with contextlib.suppress(*ERRORS):
            return question(self.handle, other.handle)
        return None

    def _lose(self, gone: GoneError) -> None:
        self._gone = gone
        self.handle = None

    def _row(self, gone: GoneError) -> Gpu:
        gpu = Gpu(index=self.index, uuid=self.uuid, **self._identity.values, state=gone.state, state_reason=gone.reason)
        silent = {field.name: gone.reason for field in fields(Gpu) if getattr(gpu, field.name) is None}
        return replace(gpu, unknown=silent | self._identity.unknown)

    def _identify(self) -> None:
        handle, answers = self.handle, self._identity
        self.uuid = plain_line(answers.ask("uuid", lambda: pynvml.nvmlDeviceGetUUID(handle)) or self.uuid)
        name = answers.ask("name", lambda: pynvml.nvmlDeviceGetName(handle))
        answers.values["name"] = plain_line(name or "") or "NVIDIA GPU"
        answers.take("pci_bus_id", lambda: plain_line(pynvml.nvmlDeviceGetPciInfo(handle).busId))
        self.pci_bus_id = answers.values["pci_bus_id"]
        answers.take("compute_capability", lambda: "{}.{}".format(*pynvml.nvmlDeviceGetCudaComputeCapability(handle)))
        answers.take("power_limit_w", lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000)

    def _read(self, now: float, host: Host) -> Gpu:
        fast = self._read_fast(host)
        if self._slow_at is None or now - self._slow_at >= SLOW_S:
            self._slow, self._slow_at = self._read_slow(), now
        return Gpu(
            index=self.index,
            uuid=self.uuid,
            **self._identity.values,
            **fast.values,
            **self._slow.values,
            unknown=self._identity.unknown | fast.unknown | self._slow.unknown,
        )

    def _read_fast(self, host: Host) -> _Answers:
        handle, answers = self.handle, _Answers()
        answers.take("utilization_percent", lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        answers.take(
            "temperature_c",
            lambda: pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU),
            lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
        )
        answers.take("power_w", lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000)
        answers.take("sm_clock_mhz", lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM))
        memory = answers.ask(
            "memory_total_bytes",
            lambda: pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2),
            lambda: pynvml.nvmlDeviceGetMemoryInfo(handle),
        )
        if [*answers.codes.values()] == [pynvml.NVML_ERROR_UNKNOWN] * 5:
            # As after `systemctl daemon-reload`, which takes /dev/nvidia* from containers (container-toolkit#48).
            raise GoneError("error", "the driver stopped answering; if this is a container, make it anew")
        _keep_memory(answers, memory, host)
        return answers

    def _read_slow(self) -> _Answers:
        handle, answers = self.handle, _Answers()
        bits = answers.ask(
            "throttle_reasons",
            lambda: pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle),
            lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle),
        )
        answers.values["throttle_reasons"] = tuple(words for bit, words in _THROTTLE.items() if (bits or 0) & bit)
        kind, counter = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
        answers.take("ecc_uncorrected", lambda: pynvml.nvmlDeviceGetTotalEccErrors(handle, kind, counter))
        answers.take("persistence", lambda: bool(pynvml.nvmlDeviceGetPersistenceMode(handle)))
        answers.take("mig_enabled", lambda: bool(pynvml.nvmlDeviceGetMigMode(handle)[0]))
        computing = answers.ask(
            "processes",
            lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle),
            lambda: pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle),
        )
        drawing = _Answers().ask(  # an extra: without it the list is still right for what matters here
            "processes",
            lambda: pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
            lambda: pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2(handle),
        )
        memory_by_pid = {p.pid: p.usedGpuMemory for p in [*(drawing or ()), *(computing or ())]}
        answers.values["processes"] = tuple(_process(pid, memory) for pid, memory in sorted(memory_by_pid.items()))
        return answers


def _keep_memory(answers: _Answers, memory: Any, host: Host) -> None:
    total = free = used = reserved = None
    unified = memory is None and answers.codes["memory_total_bytes"] == pynvml.NVML_ERROR_NOT_SUPPORTED
    if unified:
        # GB10 and its like use the host's memory; only "not supported" says so (nvtop#426, nvitop#208).
        total, free = host.memory_total_bytes, host.memory_available_bytes
        used = None if total is None or free is None else total - free
        reason = "the GPU shares the host's memory"
    elif memory is None:
        reason = answers.unknown["memory_total_bytes"]
    elif memory.total == 0:
        reason = "the driver reports a memory of 0 bytes"
    else:
        total, free, used = memory.total, memory.free, memory.used
        reserved = getattr(memory, "reserved", None)
        reason = _TOO_OLD
    sizes = {"total": total, "free": free, "used": used, "reserved": reserved}
    answers.unknown.pop("memory_total_bytes", None)
    answers.values["unified_memory"] = unified
    for name, size in sizes.items():
        answers.values[f"memory_{name}_bytes"] = size
        if size is None:
            answers.unknown[f"memory_{name}_bytes"] = reason


def _process(pid: int, memory_bytes: int | None) -> GpuProcess:
    """With name and user where the PID is one of ours; a container sees the host's PIDs (nvidia-docker#1483)."""
    name = user = None
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        name = plain_line(process.name())
        user = plain_line(process.username())
    return GpuProcess(pid=pid, name=name, user=user, memory_bytes=memory_bytes)
