"""What is wrong with a GPU, in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from nemotui.core.hardware import Gpu

# Xid errors by number, in the words of NVIDIA's list (docs.nvidia.com/deploy/xid-errors). The first group is what a
# faulty program does to itself; the GPU is well afterwards.
_PROGRAM = {
    13: "a program ran into a fault on the GPU",
    31: "a program touched GPU memory that is not its own",
    43: "a program's work on the GPU was stopped",
    45: "a program's work was cleaned up after an earlier error",
    94: "a memory error was contained: only the program that met it has failed",
}
_GPU = {
    48: "a double-bit memory error",
    61: "its microcontroller met an internal error",
    62: "its microcontroller has halted",
    63: "a faulty memory row is remapped at the next reset",
    64: "a faulty memory row could not be remapped",
    74: "an NVLink error",
    79: "it has fallen off the bus",
    92: "many single-bit memory errors",
    95: "a memory error that could not be contained: it needs a reset",
    109: "a context switch timed out",
    119: "its system processor does not answer",
    120: "its system processor met an error",
    140: "memory errors that were not corrected",
    143: "it could not be initialised",
    154: "it needs a reset or a reboot to recover",
}
# Of these a GPU works on until somebody has the time to reset it.
_CAN_WAIT = {63, 92}
# A GPU is reset only while nobody has it open, and whoever watches it through NVML has.
_RESET = "end all that uses it, nemotui too, then run `sudo nvidia-smi --gpu-reset -i {index}`"
_REMEDIES = {"lost": "; see `sudo dmesg | grep -i xid`, and reboot", "reset-required": f"; {_RESET}"}
_FABRIC = {
    "starting": "its NVLink fabric is not up yet: see `systemctl status nvidia-fabricmanager`",
    "failed": "its NVLink fabric has failed: see `systemctl status nvidia-fabricmanager`",
}
# What slows a GPU down and is not a choice of somebody's.
ALARMING = ("hardware slowdown", "software thermal slowdown", "hardware thermal slowdown", "hardware power brake")


def unsound(gpu: Gpu) -> str | None:
    """Why nothing more should be put on this GPU before it is reset; None for one that can be used."""
    if gpu.ecc_uncorrected:
        return f"drain it: {_uncorrected(gpu.ecc_uncorrected)}"
    if gpu.xid in _GPU and gpu.xid not in _CAN_WAIT:
        return f"drain it: Xid {gpu.xid}, {_GPU[gpu.xid]}"
    return None


def _uncorrected(count: int) -> str:
    return f"{count:,} memory error{'s' if count > 1 else ''} that ECC could not correct"


def troubles(gpu: Gpu) -> tuple[str, ...]:
    """Everything wrong with this GPU, the worst first; empty for a sound one."""
    found = []
    if gpu.state != "ok":
        remedy = _REMEDIES.get(gpu.state, "").format(index=gpu.index)
        found.append(f"{gpu.state}: {gpu.state_reason or 'no reason given'}{remedy}")
    if gpu.xid is not None:
        words = _PROGRAM.get(gpu.xid) or _GPU.get(gpu.xid) or "see NVIDIA's list of Xid errors"
        found.append(f"Xid {gpu.xid}: {words}")
    if gpu.ecc_uncorrected:
        found.append(f"{_uncorrected(gpu.ecc_uncorrected)}: {_RESET.format(index=gpu.index)}")
    if gpu.fabric in _FABRIC:
        found.append(_FABRIC[gpu.fabric])
    found += [f"it is slowed down: {reason}" for reason in gpu.throttle_reasons if reason in ALARMING]
    return tuple(found)


def slowed(gpus: Iterable[Gpu]) -> tuple[str, ...]:
    """The names of those that heat or power slows down."""
    return tuple(f"GPU {gpu.index}" for gpu in gpus if set(gpu.throttle_reasons) & set(ALARMING))
