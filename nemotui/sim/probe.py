"""The probe of a pretend machine: its GPUs fill while a server loads, and work while it answers."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from nemotui.core.errors import Problem
from nemotui.core.hardware import DRIVER_SILENT, Gpu, GpuDetail, GpuProcess, Machine, NoGpusError
from nemotui.core.phases import TYPICAL
from nemotui.core.visible import marked
from nemotui.sim.machines import load_machine, load_profile, lost

if TYPE_CHECKING:  # an idle machine needs none of it
    import httpx

    from nemotui.core.ports import Clock
    from nemotui.sim.engine import Occupancy, PretendEngine

_FULL_BATCH = 32  # running requests at which the pretend GPU is fully busy
_RUNNING = re.compile(rb"^vllm:num_requests_running\{[^}]*\} (\S+)", re.MULTILINE)
_NO_DRIVER = Problem(
    "no_driver",
    "there is no NVIDIA driver on this machine",
    "Install the NVIDIA driver, R580 or newer; start a container with --gpus all.",
)


class PretendProbe:
    """A `MachineProbe`. Without an engine the machine stays idle, but for the faults of its profile.

    `visible_devices` and `device_order` are the values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER.
    """

    def __init__(
        self,
        profile: str,
        clock: Clock,
        engine: PretendEngine | None = None,
        *,
        visible_devices: str | None = None,
        device_order: str | None = None,
    ) -> None:
        machine = load_machine(profile)
        self._idle = replace(machine, gpus=marked(visible_devices, device_order, machine.gpus))
        self._faults = load_profile(profile)
        self._began_at: float | None = None
        self._answered: dict[str, tuple[float, Gpu]] = {}  # by UUID: when a GPU has answered last, and what
        self._clock = clock
        self.engine = engine  # may be given later: a machine is looked at before its engine is asked
        self._client: httpx.AsyncClient | None = None

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        """The machine now; `NoGpusError` for the profile that has no driver. What a pretend GPU loses stays lost."""
        if self._idle.driver_version is None:
            raise NoGpusError(replace(self._idle, error=_NO_DRIVER))
        machine = self._idle
        for occupancy in self.engine.occupancies() if self.engine else ():
            share = _share(occupancy, self._clock.now())
            running = await self._running(occupancy) if share >= 1 else 0.0
            gpus = tuple(
                occupied(gpu, occupancy, rank=occupancy.gpus.index(gpu.uuid), share=share, running=running)
                if gpu.uuid in occupancy.gpus
                else gpu
                for gpu in machine.gpus
            )
            machine = replace(machine, gpus=gpus)
        return self._with_faults(
            replace(machine, gpus=tuple(_closer(g) if g.uuid == detail else g for g in machine.gpus))
        )

    def _with_faults(self, machine: Machine) -> Machine:
        now = self._clock.monotonic()
        if self._began_at is None:
            self._began_at = now
        gpus = tuple(self._after(gpu, now, now - self._began_at) for gpu in machine.gpus)
        if gpus and all(gpu.state == "not-answering" for gpu in gpus):
            return replace(machine, gpus=gpus, error=DRIVER_SILENT)
        return replace(machine, gpus=gpus)

    def _after(self, gpu: Gpu, now: float, seconds: float) -> Gpu:
        """The GPU so many seconds after the first look."""
        if seconds >= self._faults.loses_after_s.get(gpu.index, math.inf):
            gone = lost(gpu)
            if gpu.uuid not in self._answered:
                return gone
            at, last = self._answered[gpu.uuid]
            return replace(last, state="lost", state_reason=gone.state_reason, xid=79, age_s=round(now - at, 1))
        if seconds < self._faults.hangs_after_s.get(gpu.index, math.inf):
            self._answered[gpu.uuid] = now, gpu
            return gpu
        at, last = self._answered.get(gpu.uuid, (now, gpu))
        reason = f"no answer for {now - at:.0f} s"
        return replace(last, state="not-answering", state_reason=reason, age_s=round(now - at, 1))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _running(self, occupancy: Occupancy) -> float:
        """Requests in the batch, as the server's own /metrics say; 0 when it does not answer."""
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=1.0, trust_env=False)
        try:
            page = (await self._client.get(f"{occupancy.base_url}/metrics")).content
        except httpx.HTTPError:
            return 0.0
        found = _RUNNING.search(page)
        return float(found[1]) if found else 0.0


def occupied(gpu: Gpu, occupancy: Occupancy, *, rank: int, share: float, running: float) -> Gpu:
    """The GPU while a server has it: `share` of the start is over (1 and more: it serves), so many requests run."""
    plan = occupancy.memory
    loaded = plan.weights * _ramp(share, TYPICAL.begin("weights"), TYPICAL.begin("compile"))
    pool = plan.budget - plan.weights if share >= TYPICAL.begin("kv_cache") else 0
    held = int(loaded) + pool
    if share >= 1:
        busy = min(1.0, 0.5 + running / (2 * _FULL_BATCH)) if running else 0.0
    else:
        busy = 0.9 if share >= TYPICAL.begin("kernels") else 0.1
    used = (gpu.memory_used_bytes or 0) + held
    limit = gpu.power_limit_w
    process = GpuProcess(
        pid=occupancy.pid, name=f"VLLM::Worker_TP{rank}", user="root", container=occupancy.container, memory_bytes=held
    )
    return replace(
        gpu,
        memory_used_bytes=used,
        memory_free_bytes=None if gpu.memory_free_bytes is None else max(0, gpu.memory_free_bytes - held),
        utilization_percent=max(gpu.utilization_percent or 0, round(100 * busy)),
        temperature_c=None if gpu.temperature_c is None else gpu.temperature_c + round(38 * busy),
        power_w=gpu.power_w if limit is None else round(limit * (0.1 + 0.8 * busy), 1),
        sm_clock_mhz=1980 if busy else gpu.sm_clock_mhz,
        processes=(*gpu.processes, process),
    )


def _closer(gpu: Gpu) -> Gpu:
    """With the slow figures, which follow from the others as on a real board."""
    work = (gpu.utilization_percent or 0) / 100
    detail = GpuDetail(
        pcie_generation=4 if gpu.compute_capability in ("8.0", "8.9") else 5,  # Ampere and Ada
        pcie_width=16,
        pcie_rx_bytes_per_s=round(2e9 * work),
        pcie_tx_bytes_per_s=round(4e8 * work),
        memory_clock_mhz=2619 if work else 1593,
        performance_state=0,
        ecc_corrected=0,
        rows_remapped=0,
        energy_j=None if gpu.power_limit_w is None else gpu.power_limit_w * 0.1 * 86_400,  # a day at rest
        unknown=dict.fromkeys(["fan_percent", *(["energy_j"] if gpu.power_limit_w is None else [])], "Not Supported"),
    )
    return replace(gpu, detail=detail)


def _share(occupancy: Occupancy, now: float) -> float:
    """How much of the start is over; it stands still while weights are downloaded."""
    elapsed, fetch_at = now - occupancy.started_at, TYPICAL.begin("download") * occupancy.start_seconds
    if elapsed > fetch_at:
        elapsed = max(fetch_at, elapsed - occupancy.fetch_seconds)
    return elapsed / max(occupancy.start_seconds, 1e-9)


def _ramp(x: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (x - low) / (high - low)))
