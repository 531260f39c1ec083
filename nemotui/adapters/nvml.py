"""The machine through NVML, the driver's own interface: initialised once, off the event loop, one thread at a time.

Initialising anew for each sample wakes sleeping GPUs and can take half a minute; shutting down beside a running call
crashes the process (nvitop#222); a call on a sick GPU may block for minutes and cannot be cancelled (DCGM#313).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from nemotui.adapters import threads
from nemotui.adapters.nvml_gpu import ERRORS, Device, code_of, pynvml, reason_of
from nemotui.core.errors import NothingThereError, Problem
from nemotui.core.hardware import Host, Link, LinkKind, Machine
from nemotui.core.ports import Clock
from nemotui.core.text import plain_line

# nvmlGpuTopologyLevel_t. 0 is two GPUs of one board, behind its bridge.
_TOPOLOGY: dict[int | None, LinkKind] = {0: "PIX", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}
_KERNEL_MODULE = Path("/sys/module/nvidia/version")
_OWN_LIBRARIES = Path("/proc/self/maps")


class NvmlProbe:
    """`core.ports.MachineProbe` on the NVIDIA driver. `host` is called on the sampling thread, before the GPUs.

    `patience_s`: how long a sample may take before the driver counts as not answering; `first_patience_s` the same
    for the first, which initialises it; `drain_s`: how long `close` waits for a running call.
    """

    def __init__(
        self,
        host: Callable[[], Host],
        clock: Clock,
        *,
        patience_s: float = 10.0,
        first_patience_s: float = 60.0,
        drain_s: float = 1.0,
    ) -> None:
        self._driver = _Driver(host, clock)
        self._patience_s = patience_s
        self._first_patience_s = first_patience_s
        self._drain_s = drain_s
        self._reading: asyncio.Task[Machine] | None = None
        self._last: Machine | None = None

    async def sample(self) -> Machine:
        """The machine now. Raises `NothingThereError` when there is no driver, or it has never answered.

        While a later call hangs: the last machine, with `error` set, and no further call is made beside it.
        """
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(threads.call(self._driver.read))
            # Nobody may be left to take what a late reading raised.
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        reading = self._reading
        patience = self._first_patience_s if self._last is None else self._patience_s
        done, _ = await asyncio.wait({reading}, timeout=patience)
        if done:
            self._last = reading.result()
            return self._last
        silent = Problem(
            "driver_not_answering",
            f"the NVIDIA driver has not answered for {patience:g} s",
            "Look for GPU errors with `sudo dmesg | grep -i xid`.",
        )
        if self._last is None:
            raise NothingThereError(silent.kind, silent.message, silent.fix)
        return replace(self._last, error=silent)

    async def close(self) -> None:
        """Shut NVML down, unless a call is still running after `drain_s`: then the end of the process does it."""
        with contextlib.suppress(TimeoutError):
            await threads.call(self._driver.close, self._drain_s, timeout_s=2 * self._drain_s)


class _Driver:
    """NVML itself, blocking. The lock holds that only one thread is ever inside it."""

    def __init__(self, host: Callable[[], Host], clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._inside = threading.Lock()
        self._is_open = False
        self._devices: tuple[Device, ...] = ()
        self._machine = Machine()  # what never changes: versions and links

    def read(self) -> Machine:
        with self._inside:
            if not self._is_open:
                self._open()
            host = self._host()
            now = self._clock.monotonic()
            gpus = tuple(device.read(now, host) for device in self._devices)
            return replace(self._machine, gpus=gpus, host=host)

    def close(self, drain_s: float) -> None:
        if not self._inside.acquire(timeout=drain_s):
            return
        try:
            if self._is_open:
                self._shut_down()
        finally:
            self._inside.release()

    def _open(self) -> None:
        if not hasattr(pynvml, "nvmlMemory_v2"):
            raise NothingThereError(
                "wrong_pynvml",
                f"the Python package at {plain_line(str(pynvml.__file__))} is not NVIDIA's",
                "Run `pip uninstall pynvml nvidia-ml-py3; pip install --force-reinstall nvidia-ml-py`.",
            )
        try:
            pynvml.nvmlInit()
        except ERRORS as error:
            raise _no_driver(error) from None
        self._is_open = True
        try:
            count = pynvml.nvmlDeviceGetCount()
        except ERRORS as error:
            self._shut_down()
            raise _no_driver(error) from None
        self._devices = tuple(Device(index) for index in range(count))
        self._machine = Machine(
            driver_version=_version(pynvml.nvmlSystemGetDriverVersion),
            cuda_version=_cuda_version(),
            links=tuple(_link(a, b) for a, b in combinations(self._devices, 2)),
        )

    def _shut_down(self) -> None:
        self._is_open = False
        with contextlib.suppress(*ERRORS):
            pynvml.nvmlShutdown()


def _version(ask: Callable[[], str]) -> str | None:
    with contextlib.suppress(*ERRORS):
        return plain_line(ask())
    return None


def _cuda_version() -> str | None:
    for ask in (pynvml.nvmlSystemGetCudaDriverVersion_v2, pynvml.nvmlSystemGetCudaDriverVersion):
        with contextlib.suppress(*ERRORS):
            number = ask()  # 13020 is 13.2
            return f"{number // 1000}.{number % 1000 // 10}"
    return None


def _link(a: Device, b: Device) -> Link:
    def nvlink(one: Any, other: Any) -> bool:
        # What vLLM itself asks to learn whether GPUs are fully connected.
        status = pynvml.nvmlDeviceGetP2PStatus(one, other, pynvml.NVML_P2P_CAPS_INDEX_NVLINK)
        return bool(status == pynvml.NVML_P2P_STATUS_OK)

    if a.between(b, nvlink):
        return Link(a=a.uuid, b=b.uuid, kind="NVLINK", nvlinks=_lanes(a, b))
    level = a.between(b, pynvml.nvmlDeviceGetTopologyCommonAncestor)
    return Link(a=a.uuid, b=b.uuid, kind=_TOPOLOGY.get(level))


def _lanes(a: Device, b: Device) -> int | None:
    """NVLinks that go straight from one to the other; None where they go through switches, or the driver is silent."""
    straight = 0
    with contextlib.suppress(*ERRORS):
        for lane in range(pynvml.NVML_NVLINK_MAX_LINKS):
            if pynvml.nvmlDeviceGetNvLinkState(a.handle, lane):
                remote = plain_line(pynvml.nvmlDeviceGetNvLinkRemotePciInfo(a.handle, lane).busId)
                straight += remote == b.pci_bus_id
    return straight or None


def _no_driver(error: BaseException) -> NothingThereError:
    match code_of(error):
        case pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return NothingThereError(
                "no_driver",
                "there is no NVIDIA driver here: libnvidia-ml.so.1 is not found",
                "Install the NVIDIA driver; start a container with --gpus all; on WSL2 have /usr/lib/wsl/lib on "
                "LD_LIBRARY_PATH.",
            )
        case pynvml.NVML_ERROR_DRIVER_NOT_LOADED:
            return NothingThereError(
                "driver_not_loaded",
                "the NVIDIA driver is installed and its kernel module is not loaded",
                "Run `sudo modprobe nvidia`; if that fails, look at `sudo dmesg | grep -i nvidia`.",
            )
        case pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
            return NothingThereError(
                "driver_mismatch",
                f"the NVIDIA driver was replaced while it was loaded: the library is {_library_version()}, "
                f"the kernel module {_module_version()}",
                "Reboot, or stop what uses the GPUs and reload the nvidia kernel module.",
            )
        case pynvml.NVML_ERROR_NO_PERMISSION:
            return NothingThereError(
                "no_permission",
                "this user may not use the NVIDIA driver",
                "Grant access to the device files, see `ls -l /dev/nvidia*`.",
            )
        case _:
            return NothingThereError(
                "driver_error",
                f"the NVIDIA driver does not start: {reason_of(error)}",
                "See what `nvidia-smi` says; in a container, make the container anew.",
            )


def _module_version() -> str:
    with contextlib.suppress(OSError):
        return plain_line(_KERNEL_MODULE.read_text(encoding="utf-8", errors="replace").strip())
    return "unknown"


def _library_version() -> str:
    """From the file name behind libnvidia-ml.so.1, as this process has it mapped: it answers no call now."""
    with contextlib.suppress(OSError):
        maps = _OWN_LIBRARIES.read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"/libnvidia-ml\.so\.([0-9.]+)$", maps, re.MULTILINE):
            return found[1]
    return "unknown"
