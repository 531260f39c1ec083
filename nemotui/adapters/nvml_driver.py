"""NVML as a whole, blocking: how it begins or says why not, how its GPUs are connected, how it ends."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from nemotui.adapters.nvml_calls import ERRORS, code_of, pynvml, reason_of
from nemotui.adapters.nvml_gpu import Device
from nemotui.core.errors import NothingThereError
from nemotui.core.hardware import Link, LinkKind, Machine
from nemotui.core.text import plain_line

# nvmlGpuTopologyLevel_t. 0 is two GPUs of one board, behind its bridge.
_TOPOLOGY: dict[int | None, LinkKind] = {0: "PIX", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}
_KERNEL_MODULE = Path("/sys/module/nvidia/version")
_OWN_LIBRARIES = Path("/proc/self/maps")


class Driver:
    """NVML, initialised or not. Nothing may run beside `open` and `close`: a call then crashes (nvitop#222)."""

    def __init__(self) -> None:
        self._is_open = False
        self.devices: tuple[Device, ...] = ()
        self.versions = Machine()

    def open(self) -> None:
        """Initialise, anew if need be, and count the GPUs; none of them is asked anything yet.

        Raises `NothingThereError` with what to do about it.
        """
        self.close()
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
            self.close()
            raise _no_driver(error) from None
        self.versions = Machine(
            driver_version=_version(pynvml.nvmlSystemGetDriverVersion),
            cuda_version=_cuda_version(),
        )
        self.devices = tuple(Device(index) for index in range(count))

    def close(self) -> None:
        """Shut NVML down; the handles are of no use any more."""
        if not self._is_open:
            return
        self._is_open = False
        for device in self.devices:
            device.let_go()
        self.devices = ()
        with contextlib.suppress(*ERRORS):
            pynvml.nvmlShutdown()


def links_between(devices: Sequence[Device], without_fabric: frozenset[str]) -> tuple[Link, ...]:
    """How each pair is connected. NVLink does not count for the UUIDs whose fabric is down."""
    return tuple(_link(a, b, without_fabric) for a, b in combinations(devices, 2))


def _link(a: Device, b: Device, without_fabric: frozenset[str]) -> Link:
    def nvlink(one: Any, other: Any) -> bool:
        # What vLLM itself asks to learn whether GPUs are fully connected.
        status = pynvml.nvmlDeviceGetP2PStatus(one, other, pynvml.NVML_P2P_CAPS_INDEX_NVLINK)
        return bool(status == pynvml.NVML_P2P_STATUS_OK)

    if not without_fabric & {a.uuid, b.uuid} and a.between(b, nvlink):
        return Link(a=a.uuid, b=b.uuid, kind="NVLINK", nvlinks=_lanes(a, b))
    level = a.between(b, pynvml.nvmlDeviceGetTopologyCommonAncestor)
    return Link(a=a.uuid, b=b.uuid, kind=_TOPOLOGY.get(level))


def _lanes(a: Device, b: Device) -> int | None:
    """NVLinks from one to the other: straight ones, else all that go to switches; None where the driver is silent."""
    straight = switched = 0
    with contextlib.suppress(*ERRORS):
        for lane in range(pynvml.NVML_NVLINK_MAX_LINKS):
            if pynvml.nvmlDeviceGetNvLinkState(a.handle, lane):
                remote = plain_line(pynvml.nvmlDeviceGetNvLinkRemotePciInfo(a.handle, lane).busId)
                straight += remote == b.pci_bus_id
                switched += _is_switch(a.handle, lane)
    return straight or switched or None


def _is_switch(handle: Any, lane: int) -> bool:
    with contextlib.suppress(*ERRORS):
        kind = pynvml.nvmlDeviceGetNvLinkRemoteDeviceType(handle, lane)
        return bool(kind == pynvml.NVML_NVLINK_DEVICE_TYPE_SWITCH)
    return False


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
