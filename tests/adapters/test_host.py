"""The host as psutil tells it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from nemotui.adapters.host import HostProbe, HostReadings, disk
from nemotui.core.hardware import Host
from nemotui.core.surroundings import Disk
from tests.core.scripted import Clock


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


def place(path: Path) -> str | None:
    return found.path if (found := disk(path)) else None


def test_the_disk_is_that_of_the_nearest_folder_that_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert place(tmp_path) == str(tmp_path)
    assert place(tmp_path / "not" / "yet" / "there") == str(tmp_path)
    assert place(tmp_path / "file" / "below") == str(tmp_path / "file")
    found = disk(tmp_path / "not")
    assert found is not None
    assert found.device == tmp_path.stat().st_dev


@pytest.mark.parametrize(("number", "hidden"), [(errno.EACCES, True), (errno.EIO, False), (errno.ESTALE, False)])
def test_a_disk_that_is_ill_is_unknown_and_not_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hidden: bool
) -> None:
    ask = psutil.disk_usage

    def answer(path: str) -> object:
        if path.endswith("cache"):
            raise OSError(number, os.strerror(number), path)
        return ask(path)

    monkeypatch.setattr(psutil, "disk_usage", answer)
    assert place(tmp_path / "cache") == (str(tmp_path) if hidden else None)


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
    clock, answers, asked = Clock(), threading.Event(), list[int]()

    def stalled() -> Disk:
        asked.append(1)
        if len(asked) == 2:
            answers.wait()
        return Disk(path="/cache", free_bytes=100 - len(asked), device=1)

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
    clock, answers = Clock(), threading.Event()

    def stalled() -> Host:
        answers.wait()
        return Host(hostname="box")

    readings = HostReadings(stalled, lambda: Disk(path="/cache", free_bytes=1, device=1), clock)
    readings.begin()
    clock.time += 20
    assert await readings.now() == Host(disk_path="/cache", disk_free_bytes=1, age_s=20.0)
    answers.set()
