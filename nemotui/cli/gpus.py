"""`nemotui gpus`: the GPUs and the host."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import replace

import click

from nemotui.cli.backends import backends
from nemotui.cli.output import Answer, table, wrapped
from nemotui.cli.verb import Invocation, Real, verb
from nemotui.core.errors import NemotuiError
from nemotui.core.group_table import GroupLine, group_table
from nemotui.core.hardware import Gpu, Machine, NoGpusError
from nemotui.core.host_line import host_facts
from nemotui.core.ports import ContainerRuntime
from nemotui.core.show import gib, number
from nemotui.core.trouble import troubles
from nemotui.core.watch import watch_machine

_ENGINE_PATIENCE_S = 1.0  # after the driver has answered
_CLEAR = "\x1b[H\x1b[2J"


@verb(
    example="nemotui gpus --json > box.json; nemotui recommend --machine box.json",
    machine=True,
    flags=(
        click.option("--watch", type=Real(0.5, 3600), metavar="SECONDS", help="Again and again; --json: JSON Lines."),
    ),
)
async def gpus(inv: Invocation, watch: float | None) -> Answer:
    """The GPUs and the host, as the driver tells them now.

    The JSON document is a --machine file for the other verbs.
    """
    from nemotui.adapters.machine_file import machine_json

    async with backends(inv) as b:
        asked = asyncio.create_task(_engine(b.runtime))  # while the driver is asked too
        if watch is None:
            exit_code = 0
            try:
                machine = _with_engine(await b.probe.sample(), await _soon(asked))
            except NoGpusError as error:
                # The document keeps its shape: what can be known without a driver, and why there is no more.
                machine, exit_code = _with_engine(error.machine, await _soon(asked)), error.exit_code
            return Answer(machine_json(machine), machine_text(machine), exit_code=exit_code, error=machine.error)
        inv.out.lines = True
        async with aclosing(watch_machine(b.probe, b.clock, interval_s=watch)) as samples:
            async for sample in samples:
                machine = _with_engine(sample, await _soon(asked))
                if inv.as_json:
                    inv.out.event("machine", machine_json(machine))
                else:
                    error_line = f"\nnemotui: {machine.error}" if machine.error else ""
                    inv.out.say((_CLEAR if sys.stdout.isatty() else "") + machine_text(machine) + error_line + "\n")
    raise AssertionError("a watch is ended by its reader")


async def _engine(runtime: ContainerRuntime) -> str | None:
    try:
        return (await runtime.info()).version
    except NemotuiError:
        return None


async def _soon(asked: asyncio.Task[str | None]) -> str | None:
    """The engine's answer, unless it lets us wait: a hung engine shall not hide the GPUs."""
    done, _ = await asyncio.wait([asked], timeout=_ENGINE_PATIENCE_S)
    return asked.result() if done else None


def _with_engine(machine: Machine, engine: str | None) -> Machine:
    return replace(machine, host=replace(machine.host, engine_version=engine or machine.host.engine_version))


def machine_text(machine: Machine) -> str:
    """The machine for people: the host, a line a GPU, the links between them, and who holds their memory."""
    parts = [wrapped(facts)] if (facts := " · ".join(host_facts(machine))) else []
    if not machine.gpus:
        return "\n".join([*parts, *([] if machine.error else ["The driver works, and there is no GPU."])])
    rows = [("#", "NAME", "MEMORY", "FREE", "UTIL", "POWER", "TEMP", "STATE")]
    parts += ["", table([*rows, *map(_row, machine.gpus)], right=(0, 3, 4, 5, 6))]
    notes = [f"GPU {g.index}: {words}" for g in machine.gpus for words in _notes(g)]
    parts += ["", *notes] if notes else []
    if len(machine.gpus) > 1:
        parts += ["", _matrix(machine), "", *map(_group, group_table(machine))]
    holders = [
        (
            str(g.index),
            str(p.pid),
            gib(p.memory_bytes),
            p.user or "n/a",
            p.container or "",
            p.name or "in another namespace",
        )
        for g in machine.gpus
        for p in g.processes
    ]
    if holders:
        parts += ["", table([("GPU", "PID", "MEMORY", "USER", "CONTAINER", "PROCESS"), *holders], right=(1, 2))]
    return "\n".join(parts)


def _notes(gpu: Gpu) -> list[str]:
    """What the table has no column for."""
    identity = gpu.uuid[:12]
    if gpu.memory_reserved_bytes is not None:
        identity += f", {gib(gpu.memory_reserved_bytes)} reserved by the driver"
    notes = [identity, *troubles(gpu)]
    if gpu.age_s is not None:
        notes.append(f"its values are {number(gpu.age_s, 's')} old")
    if gpu.throttle_reasons:
        notes.append(f"clock {gpu.sm_clock_mhz or 'n/a'} MHz, held back by: {', '.join(gpu.throttle_reasons)}")
    if gpu.unlisted_bytes is not None:
        notes.append(f"{gib(gpu.unlisted_bytes)} held by another namespace, such as a container's")
    if gpu.unified_memory:
        notes.append("shares its memory with the host")
    if gpu.persistence is False:
        notes.append(f"persistence mode is off, so each first use wakes it: `sudo nvidia-smi -i {gpu.index} -pm 1`")
    if not gpu.visible:
        notes.append("hidden by CUDA_VISIBLE_DEVICES")
    if order := gpu.unknown.get("visible"):
        notes.append(order)
    notes += [f"slice {s.uuid}, {s.name}, {gib(s.memory_free_bytes)} free" for s in gpu.slices]
    return notes


def _row(gpu: Gpu) -> tuple[str, ...]:
    used = "n/a" if gpu.memory_used_bytes is None else f"{gpu.memory_used_bytes / 2**30:.1f}"
    whole = gib(gpu.memory_total_bytes)
    return (
        str(gpu.index),
        gpu.name,
        whole if used == whole else f"{used}/{whole}",
        gib(gpu.memory_free_bytes),
        number(gpu.utilization_percent, "%"),
        "n/a" if gpu.power_w is None else f"{gpu.power_w:.0f}/{number(gpu.power_limit_w, 'W')}",
        number(gpu.temperature_c, "°C"),
        gpu.state,
    )


def _group(line: GroupLine) -> str:
    return wrapped(f"{line.label}: {line.gpus}: {line.reason}")


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
