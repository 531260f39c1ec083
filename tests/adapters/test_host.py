"""The host as psutil tells it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from nemotui.adapters.host import Disk, DiskProbe, HostProbe, HostReadings
from nemotui.core.hardware import Host

from .test_nvml_probe import ManualClock


class _Times(NamedTuple):
    user: float
    system: float
    idle: float
    iowait: float
    guest: float


def test_it_reads_this_computer(tmp_path: Path) -> None:
    host = HostProbe()()
    assert host.cpu_count == os.cpu_count()
    assert host.memory_total_bytes == psutil.virtual_memory().total
    assert host.memory_available_bytes is not None
    disk = DiskProbe(tmp_path)()
    assert disk.path == str(tmp_path)
    assert disk.free_bytes is not None


def test_the_disk_is_that_of_the_nearest_existing_parent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert DiskProbe(tmp_path / "not" / "yet" / "there")().path == str(tmp_path)
    assert DiskProbe(tmp_path / "file" / "below")().path == str(tmp_path / "file")


def test_a_disk_that_does_not_answer_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(psutil, "disk_usage", refuse)
    assert DiskProbe(tmp_path)() == Disk(None, None)


def test_the_processors_share_is_between_two_readings_from_any_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # In ten seconds 6 were busy: 4 user (1 of them for a guest) and 2 system. Waiting for disks is idle.
    readings = iter([_Times(10, 5, 80, 5, 0), _Times(14, 7, 83, 6, 1)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(readings))
    probe = HostProbe()
    seen: list[float | None] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: seen.append(probe().cpu_percent))
        thread.start()
        thread.join()
    assert seen == [None, 60.0]


def test_a_hostile_host_name_is_made_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box\x1b]0;owned\x07\x1b[31m1")
    assert HostProbe()().hostname == "box1"


@pytest.mark.anyio
async def test_a_disk_that_blocks_is_silent_alone_and_not_asked_twice() -> None:
    clock, answers, asked = ManualClock(), threading.Event(), list[int]()

    def stalled() -> Disk:
        asked.append(1)
        if len(asked) == 2:
            answers.wait()
        return Disk("/cache", 100 - len(asked))

    readings = HostReadings(lambda: Host(hostname="box"), stalled, clock)

    async def now() -> Host:
        readings.begin()
        return await readings.now()

    assert await now() == Host(hostname="box", disk_path="/cache", disk_free_bytes=99)
    clock.time += 29
    assert (await now()).disk_age_s is None, "seldom"
    clock.time += 1
    old = await now()
    assert (old.disk_free_bytes, old.disk_age_s, old.age_s) == (99, 30.0, None)
    clock.time += 100
    old = await now()
    assert (old.disk_free_bytes, old.disk_age_s, len(asked)) == (99, 130.0, 2)
    answers.set()
    while (fresh := await now()).disk_age_s is not None:
        pass
    assert fresh.disk_free_bytes is not None
    assert fresh.disk_free_bytes < 99


@pytest.mark.anyio
async def test_a_host_that_blocks_from_the_beginning_is_unknown_and_says_for_how_long() -> None:
    clock, answers = ManualClock(), threading.Event()

    def stalled() -> Host:
        answers.wait()
        return Host(hostname="box")

    readings = HostReadings(stalled, lambda: Disk("/cache", 1), clock)
    readings.begin()
    clock.time += 20
    assert await readings.now() == Host(disk_path="/cache", disk_free_bytes=1, age_s=20.0)
    answers.set()
