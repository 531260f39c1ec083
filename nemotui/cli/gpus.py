"""`nemotui gpus`: the GPUs and the host."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from nemotui.cli.backends import backends, host_alone
from nemotui.cli.output import Answer, table, wrapped
from nemotui.cli.verb import Invocation, verb
from nemotui.core.errors import NemotuiError, NothingThereError
from nemotui.core.hardware import Gpu, Host, Machine
from nemotui.core.show import gib, number


@verb(example="nemotui gpus --json > box.json; nemotui recommend --machine box.json", machine=True)
async def gpus(inv: Invocation) -> Answer:
    """The GPUs and the host, as the driver tells them now.

    The JSON document is a --machine file for the other verbs.
    """
    from nemotui.adapters.machine_file import machine_json

    exit_code = 0
    async with backends(inv) as b:
        try:
            machine = await b.probe.sample()
        except NothingThereError as error:
            # The document keeps its shape: what can be known without a driver, and why there is no more.
            machine, exit_code = Machine(host=host_alone(inv), error=error.problem), error.exit_code
        with suppress(NemotuiError):
            host = replace(machine.host, engine_version=(await b.runtime.info()).version)
            machine = replace(machine, host=host)
    return Answer(machine_json(machine), machine_text(machine), exit_code=exit_code, error=machine.error)


def machine_text(machine: Machine) -> str:
    """The machine for people: the host, a line a GPU, the links between them, and who holds their memory."""
    parts = [wrapped(_host_line(machine, machine.host))]
    if not machine.gpus:
        return "\n".join([*parts, *([] if machine.error else ["The driver works, and there is no GPU."])])
    rows = [("#", "NAME", "MEMORY", "FREE", "UTIL", "POWER", "TEMP", "STATE")]
    parts += ["", table([*rows, *map(_row, machine.gpus)], right=(0, 3, 4, 5, 6))]
    notes = [f"GPU {g.index}: {g.state_reason or g.state}" for g in machine.gpus if g.state != "ok"]
    notes += [f"GPU {g.index}: shares its memory with the host" for g in machine.gpus if g.unified_memory]
    parts += ["", *notes] if notes else []
    if len(machine.gpus) > 1:
        parts += ["", _matrix(machine)]
    holders = [
        (str(g.index), str(p.pid), gib(p.memory_bytes), p.user or "n/a", p.name or "in another namespace")
        for g in machine.gpus
        for p in g.processes
    ]
    if holders:
        parts += ["", table([("GPU", "PID", "MEMORY", "USER", "PROCESS"), *holders], right=(1, 2))]
    return "\n".join(parts)


def _host_line(machine: Machine, host: Host) -> str:
    facts = [
        host.hostname,
        host.cpu_count and f"{host.cpu_count} CPUs",
        host.memory_total_bytes and f"RAM {gib(host.memory_available_bytes)} free of {gib(host.memory_total_bytes)}",
        host.disk_free_bytes and f"disk {gib(host.disk_free_bytes)} free at {host.disk_path}",
        machine.driver_version and f"driver {machine.driver_version}",
        machine.cuda_version and f"CUDA {machine.cuda_version}",
        host.engine_version and f"Docker {host.engine_version}",
    ]
    return " · ".join(str(fact) for fact in facts if fact)


def _row(gpu: Gpu) -> tuple[str, ...]:
    used = "n/a" if gpu.memory_used_bytes is None else f"{gpu.memory_used_bytes / 2**30:.1f}"
    return (
        str(gpu.index),
        gpu.name,
        f"{used}/{gib(gpu.memory_total_bytes)}",
        gib(gpu.memory_free_bytes),
        number(gpu.utilization_percent, "%"),
        "n/a" if gpu.power_w is None else f"{gpu.power_w:.0f}/{number(gpu.power_limit_w, 'W')}",
        number(gpu.temperature_c, "°C"),
        gpu.state,
    )


def _matrix(machine: Machine) -> str:
    """The links as `nvidia-smi topo -m` lays them out; `?` where the driver does not say."""

    def cell(a: Gpu, b: Gpu) -> str:
        if a is b:
            return "X"
        link = machine.link(a.uuid, b.uuid)
        if link is None or link.kind is None:
            return "?"
        return f"NV{link.nvlinks}" if link.kind == "NVLINK" and link.nvlinks else link.kind

    head = ("", *(f"GPU{g.index}" for g in machine.gpus))
    return table([head, *((f"GPU{a.index}", *(cell(a, b) for b in machine.gpus)) for a in machine.gpus)])
