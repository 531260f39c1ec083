"""The host as psutil tells it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from nemotui.adapters.host import HostProbe


class _Times(NamedTuple):
    user: float
    system: float
    idle: float
    iowait: float
    guest: float


def test_it_reads_this_computer(tmp_path: Path) -> None:
    host = HostProbe(tmp_path, engine_version="28.5.1")()
    assert host.cpu_count == os.cpu_count()
    assert host.memory_total_bytes == psutil.virtual_memory().total
    assert host.memory_available_bytes is not None
    assert host.disk_path == str(tmp_path)
    assert host.disk_free_bytes is not None
    assert host.engine_version == "28.5.1"


def test_the_disk_is_that_of_the_nearest_existing_parent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert HostProbe(tmp_path / "not" / "yet" / "there")().disk_path == str(tmp_path)
    assert HostProbe(tmp_path / "file" / "below")().disk_path == str(tmp_path / "file")


def test_a_disk_that_does_not_answer_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(psutil, "disk_usage", refuse)
    host = HostProbe(tmp_path)()
    assert (host.disk_path, host.disk_free_bytes) == (None, None)


def test_the_processors_share_is_between_two_readings_from_any_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In ten seconds 6 were busy: 4 user (1 of them for a guest) and 2 system. Waiting for disks is idle.
    readings = iter([_Times(10, 5, 80, 5, 0), _Times(14, 7, 83, 6, 1)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(readings))
    probe = HostProbe(tmp_path)
    seen: list[float | None] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: seen.append(probe().cpu_percent))
        thread.start()
        thread.join()
    assert seen == [None, 60.0]


def test_a_hostile_host_name_is_made_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box\x1b]0;owned\x07\x1b[31m1")
    assert HostProbe(tmp_path)().hostname == "box1"
