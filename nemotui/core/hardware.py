"""The machine as the driver and the host tell it: frozen snapshots, identity by UUID, unknown is a value.

`nemotui gpus --json` prints a `Machine`; the same document is a `--machine` file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from nemotui.core.errors import NothingThereError, Problem

# "not-answering": a call hangs; the values are the last ones, `age_s` old.
GpuState = Literal["ok", "lost", "reset-required", "not-answering", "error"]
# Whether NVSwitch lets this GPU through: nvmlGpuFabricInfo, where there is a fabric at all.
FabricState = Literal["up", "starting", "failed"]
# As `nvidia-smi topo -m` names them, best first: NVLINK, then the worst bridge on the way.
LinkKind = Literal["NVLINK", "PIX", "PXB", "PHB", "NODE", "SYS"]

# A GPU with more than this in use is somebody's: an idle one holds a few MiB, a CUDA context some hundred.
BUSY_BYTES = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """One holder of GPU memory. The driver lists PIDs of its own namespace; name and user may be unknown.

    `container`: the name of the container that it runs in, or the beginning of its id.
    """

    pid: int
    name: str | None = None
    user: str | None = None
    container: str | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigSlice:
    """A part of a GPU that MIG has cut off: a GPU to CUDA, of no use to tensor parallelism."""

    uuid: str
    name: str
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDetail:
    """What is too slow to ask of every GPU every second: PCIe throughput takes 20 ms a call, energy 3 ms.

    `energy_j` counts since the driver was loaded. `ecc_corrected` and `rows_remapped` count what was mended.
    """

    pcie_generation: int | None = None
    pcie_width: int | None = None
    pcie_rx_bytes_per_s: int | None = None
    pcie_tx_bytes_per_s: int | None = None
    energy_j: float | None = None
    fan_percent: int | None = None
    memory_clock_mhz: int | None = None
    performance_state: int | None = None
    ecc_corrected: int | None = None
    rows_remapped: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU at one moment. A field that is None has its reason in `unknown` (field name to reason in words).

    `age_s`: seconds since its values were read, where the GPU has given none since; None: they are of now, or there
    were never any. `xid`: the last error that the driver reported while we watched; None: none. `visible`:
    CUDA_VISIBLE_DEVICES does not hide it from us. `detail` is there where it was asked for.
    """

    index: int
    uuid: str
    name: str
    pci_bus_id: str | None = None
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    compute_capability: str | None = None
    utilization_percent: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    sm_clock_mhz: int | None = None
    throttle_reasons: tuple[str, ...] = ()
    ecc_uncorrected: int | None = None
    persistence: bool | None = None
    mig_enabled: bool | None = None
    unified_memory: bool = False
    state: GpuState = "ok"
    state_reason: str | None = None
    processes: tuple[GpuProcess, ...] = ()
    numa_node: int | None = None
    fabric: FabricState | None = None
    xid: int | None = None
    slices: tuple[MigSlice, ...] = ()
    visible: bool = True
    age_s: float | None = None
    detail: GpuDetail | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def gone(self) -> bool:
        """Nothing can be asked of it before it is looked for anew."""
        return self.state in ("lost", "reset-required", "error")

    @property
    def unlisted_bytes(self) -> int | None:
        """Memory in use that no listed process accounts for: processes of another namespace, such as containers'.

        None where it is too little to mean anything, or cannot be known.
        """
        listed = [process.memory_bytes for process in self.processes]
        if self.memory_used_bytes is None or self.unified_memory or None in listed:
            return None
        rest = self.memory_used_bytes - sum(size or 0 for size in listed)
        return rest if rest >= BUSY_BYTES else None

    @property
    def cuda_total_bytes(self) -> int | None:
        """The memory that CUDA, and so vLLM's gpu_memory_utilization, counts from: NVML's v2 total minus reserved.

        Exact on a real H200 (150,754,820,096 − 644,939,776 bytes is what torch reports).
        """
        if self.memory_total_bytes is None:
            return None
        return self.memory_total_bytes - (self.memory_reserved_bytes or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How two GPUs, given by UUID, reach each other. `kind` None: the driver does not say; `nvlinks` counts lanes."""

    a: str
    b: str
    kind: LinkKind | None = None
    nvlinks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The box around the GPUs. `disk_*` is the file system on which the model cache lies.

    `age_s` and `disk_age_s`: for how many seconds the host, or that file system, has not answered; what else is here of
    it is what it said before. None: the values are of now.
    """

    hostname: str | None = None
    cpu_count: int | None = None
    cpu_percent: float | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    disk_path: str | None = None
    disk_free_bytes: int | None = None
    engine_version: str | None = None
    age_s: float | None = None
    disk_age_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A whole box: what `nemotui gpus --json` prints and a `--machine` file holds."""

    driver_version: str | None = None
    cuda_version: str | None = None
    gpus: tuple[Gpu, ...] = ()
    links: tuple[Link, ...] = ()
    host: Host = Host()
    error: Problem | None = None

    def link(self, a: str, b: str) -> Link | None:
        """The link between two GPUs by UUID, in either order; None where nothing is known."""
        return next((link for link in self.links if {link.a, link.b} == {a, b}), None)


DRIVER_SILENT: Final = Problem(
    "driver_not_answering",
    "the NVIDIA driver does not answer",
    "Look for GPU errors with `sudo dmesg | grep -i xid`.",
)


class NoGpusError(NothingThereError):
    """No GPU can be asked, and `machine` is what is known all the same: the host, and why as its `error`."""

    def __init__(self, machine: Machine) -> None:
        problem = machine.error
        assert problem is not None
        super().__init__(problem.kind, problem.message, problem.fix)
        self.machine = machine


def given_back(machine: Machine, names: Collection[str]) -> Machine:
    """The machine as it will be when a container has gone, by its name or id: what its processes hold is free then."""

    def freed(gpu: Gpu) -> Gpu:
        its = [process for process in gpu.processes if process.container and _is_one(process.container, names)]
        held = sum(process.memory_bytes or 0 for process in its)
        if not held or gpu.memory_free_bytes is None:
            return gpu
        used = gpu.memory_used_bytes
        return replace(
            gpu,
            memory_free_bytes=gpu.memory_free_bytes + held,
            memory_used_bytes=None if used is None else max(0, used - held),
            processes=tuple(process for process in gpu.processes if process not in its),
        )

    return replace(machine, gpus=tuple(map(freed, machine.gpus)))


def _is_one(said: str, names: Collection[str]) -> bool:
    return any(name == said or name.startswith(said) for name in names)
