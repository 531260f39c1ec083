"""The pretend machines, by name: what their probe would find before anything runs on them."""

from __future__ import annotations

import difflib
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from itertools import combinations
from typing import Any

import msgspec

from nemotui.catalog import load_chips
from nemotui.core.chip import Chip
from nemotui.core.errors import UsageError
from nemotui.core.hardware import Gpu, GpuProcess, Host, Link, LinkKind, Machine

DEFAULT_PROFILE = "2xh100"
_CPU_ONLY_CHIP = "H100 80GB SXM"  # what the pretend server's speed is taken from on a machine without a GPU

_AS_WRITTEN = (
    *("cpu_count", "memory_total_bytes", "disk_free_bytes", "driver_version", "cuda_version"),
    *("toolkit", "offline", "kills_at_logout"),
)
_NO_NEWS = ("state_reason", "fabric", "xid", "age_s", "detail")  # None says that there is nothing to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One machine of profiles.toml. `busy_bytes` is memory that somebody else holds, by GPU index.

    `gpus`: fields of `Gpu` that differ from a sound one's, by index. `loses_after_s`, `hangs_after_s`: when a GPU falls
    off the bus or stops answering, in seconds after the first look. `toolkit`: the engine can give GPUs to a container;
    `offline`: neither registry nor model hub is reached; `kills_at_logout`: as systemd-logind can.
    """

    name: str
    chips: tuple[str, ...]
    link: LinkKind | None = None
    busy_bytes: Mapping[int, int] = field(default_factory=dict)
    lost: tuple[int, ...] = ()
    gpus: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    loses_after_s: Mapping[int, float] = field(default_factory=dict)
    hangs_after_s: Mapping[int, float] = field(default_factory=dict)
    cpu_count: int = 192
    memory_total_bytes: int = 2_000_000_000_000
    disk_free_bytes: int = 3_000_000_000_000
    driver_version: str = ""
    cuda_version: str = ""
    toolkit: bool = True
    offline: bool = False
    kills_at_logout: bool = False

    def chip(self, chips: Sequence[Chip]) -> Chip:
        """The chip that the pretend server runs on."""
        return _chip(chips, self.chips[0] if self.chips else _CPU_ONLY_CHIP)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("profiles.toml").read_text("utf-8"))


PROFILES: tuple[str, ...] = tuple(_document()["profile"])


def load_profile(name: str) -> Profile:
    """The profile of that name; `UsageError` with the nearest names for an unknown one."""
    table = _document()["profile"].get(name)
    if table is None:
        near = difflib.get_close_matches(name, PROFILES, n=3, cutoff=0.4)
        raise UsageError(
            "profile",
            f"there is no pretend machine {name!r}",
            f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(PROFILES)}",
        )
    return Profile(
        name=name,
        chips=tuple(table["chips"]),
        link=table.get("link"),
        busy_bytes=_by_index(table, "busy_bytes"),
        gpus=_by_index(table, "gpus"),
        loses_after_s=_by_index(table, "loses_after_s"),
        hangs_after_s=_by_index(table, "hangs_after_s"),
        lost=tuple(table.get("lost", ())),
        **{key: table[key] for key in _AS_WRITTEN if key in table},
    )


def _by_index(table: Mapping[str, Any], name: str) -> dict[int, Any]:
    return {int(index): value for index, value in table.get(name, {}).items()}


def lost(gpu: Gpu) -> Gpu:
    """This GPU after it has fallen off the bus."""
    reason = "GPU is lost"  # the driver's words; the Xid that says why is a field of its own
    return Gpu(
        index=gpu.index,
        uuid=gpu.uuid,
        name=gpu.name,
        pci_bus_id=gpu.pci_bus_id,
        state="lost",
        state_reason=reason,
        unknown=dict.fromkeys(unexplained(Gpu(index=gpu.index, uuid=gpu.uuid, name=gpu.name)), reason),
    )


def unexplained(gpu: Gpu) -> tuple[str, ...]:
    """The fields that have neither a value nor a reason, and on a real machine have one of them."""
    empty = (field.name for field in fields(gpu) if getattr(gpu, field.name) is None)
    return tuple(name for name in empty if name not in gpu.unknown and name not in _NO_NEWS)


def load_machine(name: str) -> Machine:
    """The machine, idle, as `nemotui gpus` would print it; `none` has no GPU and no driver."""
    profile, document, chips = load_profile(name), _document(), load_chips()
    gpus = tuple(_gpu(profile, index, _chip(chips, chip)) for index, chip in enumerate(profile.chips))
    lanes = document["nvlinks"]
    links = tuple(
        _link(a, b, profile.link, lanes.get(chip))
        for (a, chip), (b, _) in combinations(zip(gpus, profile.chips, strict=True), 2)
    )
    return Machine(
        driver_version=(profile.driver_version or document["driver_version"]) if gpus else None,
        cuda_version=(profile.cuda_version or document["cuda_version"]) if gpus else None,
        gpus=gpus,
        links=links,
        host=Host(
            hostname=f"pretend-{name}",
            cpu_count=profile.cpu_count,
            cpu_percent=2.0,
            memory_total_bytes=profile.memory_total_bytes,
            memory_available_bytes=_available(profile),
            disk_path="/root/.cache/huggingface",
            disk_free_bytes=profile.disk_free_bytes,
            engine_version="pretend",
        ),
    )


def _link(a: Gpu, b: Gpu, kind: LinkKind | None, lanes: int | None) -> Link:
    if kind == "NVLINK" and {a.fabric, b.fabric} & {"starting", "failed"}:
        return Link(a=a.uuid, b=b.uuid, kind="SYS")  # as for a real one: only PCIe is left
    return Link(a=a.uuid, b=b.uuid, kind=kind, nvlinks=lanes if kind == "NVLINK" else None)


def _available(profile: Profile) -> int:
    return profile.memory_total_bytes * 95 // 100


def _gpu(profile: Profile, index: int, chip: Chip) -> Gpu:
    identity = f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{profile.name}.{index}.nemotui')}"
    name, bus = chip.names[0], f"00000000:{0x19 + 0x10 * index:02X}:00.0"
    held = profile.busy_bytes.get(index, 0)
    limit = _document()["power_limit_w"].get(chip.name)
    gpu = Gpu(
        index=index,
        uuid=identity,
        name=name,
        pci_bus_id=bus,
        memory_total_bytes=chip.memory_total_bytes,
        memory_free_bytes=chip.cuda_total_bytes - held,
        memory_used_bytes=held,
        memory_reserved_bytes=chip.memory_total_bytes - chip.cuda_total_bytes,
        compute_capability=chip.compute_capability,
        utilization_percent=97 if held else 0,
        temperature_c=62 if held else 31 + index % 3,
        power_w=None if limit is None else round(limit * (0.7 if held else 0.1), 1),
        power_limit_w=limit,
        sm_clock_mhz=1980 if held else 345,
        ecc_uncorrected=None if chip.unified_memory else 0,
        persistence=True,
        mig_enabled=False,
        unified_memory=chip.unified_memory,
        processes=(GpuProcess(pid=4242, name="python3", user="alice", memory_bytes=held),) if held else (),
    )
    if differs := profile.gpus.get(index):
        gpu = msgspec.convert({**msgspec.to_builtins(gpu), **differs}, Gpu)
    if gpu.mig_enabled:
        in_slices = sum(part.memory_used_bytes or 0 for part in gpu.slices)
        free = None if gpu.memory_free_bytes is None else gpu.memory_free_bytes - in_slices
        gpu = replace(gpu, utilization_percent=None, memory_used_bytes=in_slices, memory_free_bytes=free)
    if gpu.unified_memory:
        free = _available(profile)
        used = profile.memory_total_bytes - free
        gpu = replace(gpu, memory_total_bytes=profile.memory_total_bytes, memory_free_bytes=free)
        gpu = replace(gpu, memory_used_bytes=used, memory_reserved_bytes=None)
    reasons = {
        "numa_node": "the kernel does not say",
        "memory_reserved_bytes": "the GPU shares the host's memory",
    }
    gpu = replace(gpu, unknown={name: reasons.get(name, "Not Supported") for name in unexplained(gpu)})
    return lost(gpu) if index in profile.lost else gpu


def _chip(chips: Sequence[Chip], name: str) -> Chip:
    return next(chip for chip in chips if chip.name == name)
