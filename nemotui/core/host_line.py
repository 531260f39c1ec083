"""The host and the driver in a few words, the same on the screen and in the text of a verb."""

from __future__ import annotations

from nemotui.core.hardware import Host, Machine
from nemotui.core.show import gib, number


def host_facts(machine: Machine) -> list[str]:
    """What is known, the nearest first. Values that are old say how old."""
    host = machine.host
    busy = "" if host.cpu_percent is None else f" {host.cpu_percent:2.0f} %"  # no line shall break anew
    total = "" if host.memory_total_bytes is None else f" of {gib(host.memory_total_bytes)}"
    facts = (
        host.hostname,
        host.cpu_count and f"{host.cpu_count} CPUs{busy}",
        host.memory_available_bytes and f"RAM {gib(host.memory_available_bytes)} free{total}",
        host.age_s is not None and f"host silent for {number(host.age_s, 's')}",
        _disk(host),
        machine.driver_version and f"driver {machine.driver_version}",
        machine.cuda_version and f"CUDA {machine.cuda_version}",
        host.engine_version and f"Docker {host.engine_version}",
    )
    return [str(fact) for fact in facts if fact]


def _disk(host: Host) -> str | None:
    silent = "" if host.disk_age_s is None else f"silent for {number(host.disk_age_s, 's')}"
    if host.disk_free_bytes is None:
        return f"disk of the model cache {silent}" if silent else None
    return f"disk {gib(host.disk_free_bytes)} free at {host.disk_path}{silent and f' ({silent})'}"
