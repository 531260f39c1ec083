"""What NVML says beyond the figures of a card: MIG slices, the NVLink fabric, Xid errors, and the slow details."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from ctypes import byref
from typing import Any

from nemotui.adapters.nvml_calls import ERRORS, Answers, pynvml
from nemotui.core.hardware import FabricState, GpuDetail, MigSlice
from nemotui.core.text import plain_line


def read_slices(handle: Any) -> tuple[MigSlice, ...]:
    """The MIG devices of a GPU. Their utilisation is not supported, and of their memory only with privileges."""
    found = []
    with contextlib.suppress(*ERRORS):
        for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
            with contextlib.suppress(*ERRORS):  # NotFound: a place that is not taken
                found.append(_slice(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)))
    return tuple(found)


def _slice(handle: Any) -> MigSlice:
    answers = Answers()
    memory = answers.ask(
        "memory",
        lambda: pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2),
        lambda: pynvml.nvmlDeviceGetMemoryInfo(handle),
    )
    return MigSlice(
        uuid=plain_line(pynvml.nvmlDeviceGetUUID(handle)),
        name=plain_line(answers.ask("name", lambda: pynvml.nvmlDeviceGetName(handle)) or "") or "MIG slice",
        memory_total_bytes=memory and memory.total,
        memory_used_bytes=memory and memory.used,
        memory_free_bytes=memory and memory.free,
    )


def read_fabric(handle: Any) -> FabricState | None:
    """Whether NVSwitch lets this GPU through; None where there is no fabric, or the driver does not say.

    The links show as active even while the fabric is down (dstack#1167), so this is asked too.
    """
    info = pynvml.c_nvmlGpuFabricInfo_v2_t()
    try:
        pynvml.nvmlDeviceGetGpuFabricInfoV(handle, byref(info))
    except ERRORS:
        return None
    match info.state:
        case pynvml.NVML_GPU_FABRIC_STATE_NOT_SUPPORTED:
            return None
        case pynvml.NVML_GPU_FABRIC_STATE_COMPLETED:
            return "up" if info.status == pynvml.NVML_SUCCESS else "failed"
        case _:
            return "starting"


class XidWatch:
    """The last critical error that the driver has reported for one GPU since `begin`."""

    def __init__(self) -> None:
        self.last: int | None = None
        self._events: Any = None

    def begin(self, handle: Any) -> None:
        """Ask the driver to note errors. A driver that cannot (WSL2, vGPU, no rights) is left alone."""
        try:
            self._events = pynvml.nvmlEventSetCreate()
            pynvml.nvmlDeviceRegisterEvents(handle, pynvml.nvmlEventTypeXidCriticalError, self._events)
        except ERRORS:
            self.close()

    def poll(self) -> None:
        """Take what has been noted, without waiting. Raises `GoneError` when the GPU is lost."""
        while self._events is not None:
            event = Answers().ask("xid", lambda: pynvml.nvmlEventSetWait_v2(self._events, 0))
            if event is None:  # a timeout: nothing more
                return
            self.last = event.eventData

    def close(self) -> None:
        """Let go of the driver's event set."""
        events, self._events = self._events, None
        if events is not None:
            with contextlib.suppress(*ERRORS):
                pynvml.nvmlEventSetFree(events)


def read_detail(handle: Any) -> GpuDetail:
    """About 50 ms: PCIe throughput is sampled over 20 ms a direction. Raises `GoneError` when the GPU is lost."""
    answers = Answers()

    def kib_per_s(counter: int) -> int:
        return int(pynvml.nvmlDeviceGetPcieThroughput(handle, counter)) * 1024

    corrected, counter = pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_VOLATILE_ECC
    questions: dict[str, Callable[[], Any]] = {
        "pcie_generation": lambda: pynvml.nvmlDeviceGetCurrPcieLinkGeneration(handle),
        "pcie_width": lambda: pynvml.nvmlDeviceGetCurrPcieLinkWidth(handle),
        "pcie_rx_bytes_per_s": lambda: kib_per_s(pynvml.NVML_PCIE_UTIL_RX_BYTES),
        "pcie_tx_bytes_per_s": lambda: kib_per_s(pynvml.NVML_PCIE_UTIL_TX_BYTES),
        "energy_j": lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000,
        "fan_percent": lambda: pynvml.nvmlDeviceGetFanSpeed(handle),
        "memory_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
        "performance_state": lambda: pynvml.nvmlDeviceGetPerformanceState(handle),
        "ecc_corrected": lambda: pynvml.nvmlDeviceGetTotalEccErrors(handle, corrected, counter),
        "rows_remapped": lambda: sum(pynvml.nvmlDeviceGetRemappedRows(handle)[:2]),
    }
    for field, question in questions.items():
        answers.take(field, question)
    return GpuDetail(**answers.values, unknown=answers.unknown)
