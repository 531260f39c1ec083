"""One GPU as NVML tells it, blocking: identity once, fast fields at each reading, slow ones now and then.

NVML crashes the process when a handle that has failed is used again (nvitop#139, #145). So a GPU that is gone is never
asked again: its row stays and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from nemotui.adapters.nvml_calls import ERRORS, GONE, TOO_OLD, Answers, GoneError, code_of, pynvml, reason_of
from nemotui.adapters.nvml_more import XidWatch, read_detail, read_fabric, read_slices
from nemotui.core.hardware import Gpu, GpuProcess, Host
from nemotui.core.text import plain_line

T = TypeVar("T")

# Processes, ECC and MIG cost 25 to 4500 µs a call, the fast fields 1 to 8 µs (measured on an H200 and an RTX 4090).
SLOW_S = 5.0

_PCI_DEVICES = Path("/sys/bus/pci/devices")
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
# Fields whose None says nothing about the driver.
_NOT_ASKED = {"state_reason", "xid", "age_s", "detail", "fabric"}


class Device:
    """The GPU at one NVML index, for as long as the driver stays initialised. One thread at a time may be inside.

    `handle` is None before the first reading and once the GPU is gone.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.uuid = f"unknown-{index}"
        self.pci_bus_id: str | None = None
        self.handle: Any = None
        self.gone: GoneError | None = None
        self._identified = False
        self._identity = Answers()
        self._identity.values["name"] = "NVIDIA GPU"
        self._slow = Answers()
        self._slow_at: float | None = None
        self._xid = XidWatch()

    def read(self, now: float, host: Host, detail: bool) -> Gpu:
        """The GPU at `now`, monotonic seconds. Its processes are not named. Raises nothing: the other GPUs go on."""
        if self.gone is None:
            try:
                if not self._identified:
                    self._identify()
                return self._read(now, host, detail)
            except GoneError as gone:
                self._lose(gone)
            except Exception as error:
                self._lose(GoneError("error", plain_line(f"reading it failed: {type(error).__name__}: {error}")))
        return self.row()

    def row(self) -> Gpu:
        """What is known of it while it gives no values."""
        reason = self.gone.reason if self.gone else "the driver has not answered yet"
        state = self.gone.state if self.gone else "not-answering"
        gpu = Gpu(
            index=self.index,
            uuid=self.uuid,
            **self._identity.values,
            state=state,
            state_reason=reason,
            xid=self._xid.last,
        )
        silent = {f.name: reason for f in fields(Gpu) if getattr(gpu, f.name) is None and f.name not in _NOT_ASKED}
        return replace(gpu, unknown=silent | self._identity.unknown)

    def between(self, other: Device, question: Callable[[Any, Any], T]) -> T | None:
        """A question about this GPU and another; None where either is gone or the driver does not say."""
        if self.handle is None or other.handle is None:
            return None
        with contextlib.suppress(*ERRORS):
            return question(self.handle, other.handle)
        return None

    def let_go(self) -> None:
        """Before the driver is shut down."""
        self._xid.close()

    def _lose(self, gone: GoneError) -> None:
        self.gone = gone
        self.handle = None
        with contextlib.suppress(GoneError):
            self._xid.poll()  # often the GPU's last word

    def _identify(self) -> None:
        answers = self._identity
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(self.index)
        except ERRORS as error:
            answers.unknown = dict.fromkeys(("uuid", "name"), reason_of(error))
            raise GoneError(GONE.get(code_of(error), "error"), reason_of(error)) from None
        self.uuid = plain_line(answers.ask("uuid", lambda: pynvml.nvmlDeviceGetUUID(handle)) or self.uuid)
        name = answers.ask("name", lambda: pynvml.nvmlDeviceGetName(handle))
        answers.values["name"] = plain_line(name or "") or "NVIDIA GPU"
        answers.take("pci_bus_id", lambda: plain_line(pynvml.nvmlDeviceGetPciInfo(handle).busId))
        self.pci_bus_id = answers.values["pci_bus_id"]
        answers.take("compute_capability", lambda: "{}.{}".format(*pynvml.nvmlDeviceGetCudaComputeCapability(handle)))
        answers.take("power_limit_w", lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000)
        answers.values["numa_node"] = _numa_node(self.pci_bus_id)
        if answers.values["numa_node"] is None:
            answers.unknown["numa_node"] = "the kernel does not say"
        self.handle = handle
        self._identified = True
        self._xid.begin(handle)

    def _read(self, now: float, host: Host, detail: bool) -> Gpu:
        fast = self._read_fast(host)
        if self._slow_at is None or now - self._slow_at >= SLOW_S:
            self._xid.poll()
            self._slow, self._slow_at = self._read_slow(), now
        return Gpu(
            index=self.index,
            uuid=self.uuid,
            **self._identity.values,
            **fast.values,
            **self._slow.values,
            xid=self._xid.last,
            detail=read_detail(self.handle) if detail else None,
            unknown=self._identity.unknown | fast.unknown | self._slow.unknown,
        )

    def _read_fast(self, host: Host) -> Answers:
        handle, answers = self.handle, Answers()
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

    def _read_slow(self) -> Answers:
        handle, answers = self.handle, Answers()
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
        answers.values["slices"] = read_slices(handle) if answers.values["mig_enabled"] else ()
        answers.values["fabric"] = read_fabric(handle)
        computing = answers.ask(
            "processes",
            lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle),
            lambda: pynvml.nvmlDeviceGetComputeRunningProcesses_v2(handle),
        )
        drawing = Answers().ask(  # an extra: without it the list is still right for what matters here
            "processes",
            lambda: pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
            lambda: pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2(handle),
        )
        memory_by_pid = {p.pid: p.usedGpuMemory for p in [*(drawing or ()), *(computing or ())]}
        answers.values["processes"] = tuple(
            GpuProcess(pid=pid, memory_bytes=memory) for pid, memory in sorted(memory_by_pid.items())
        )
        return answers


def _keep_memory(answers: Answers, memory: Any, host: Host) -> None:
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
        reason = TOO_OLD
    sizes = {"total": total, "free": free, "used": used, "reserved": reserved}
    answers.unknown.pop("memory_total_bytes", None)
    answers.values["unified_memory"] = unified
    for name, size in sizes.items():
        answers.values[f"memory_{name}_bytes"] = size
        if size is None:
            answers.unknown[f"memory_{name}_bytes"] = reason


def _numa_node(bus_id: str | None) -> int | None:
    """By sysfs, which writes `0000:1b:00.0` where NVML says `00000000:1B:00.0`, and -1 for what it does not know."""
    if bus_id is None:
        return None
    domain, _, rest = bus_id.lower().partition(":")
    try:
        node = int((_PCI_DEVICES / f"{domain[-4:]}:{rest}" / "numa_node").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None
