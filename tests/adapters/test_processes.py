"""Who holds a GPU's memory: names from the process table, containers from cgroups."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from nemotui.adapters.processes import Processes
from nemotui.core.hardware import GpuProcess

IDENTITY = "4f" * 32
ME = os.getpid()


def proc(folder: Path, cgroup: str, namespace: str = "pid:[4026531836]") -> Path:
    """A /proc that says this about the namespace and about our own process."""
    (folder / "self" / "ns").mkdir(parents=True)
    (folder / "self" / "ns" / "pid").symlink_to(namespace)
    (folder / str(ME)).mkdir()
    (folder / str(ME) / "cgroup").write_text(cgroup)
    return folder


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        (f"0::/system.slice/docker-{IDENTITY}.scope\n", "vllm"),
        (f"12:devices:/docker/{IDENTITY}\n0::/\n", "vllm"),
        (f"0::/kubepods.slice/pod1.slice/cri-containerd-{IDENTITY}.scope\n", "vllm"),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", None),
    ],
)
def test_a_process_with_its_container(tmp_path: Path, cgroup: str, container: str | None) -> None:
    me = psutil.Process()
    read = Processes({IDENTITY: "vllm"}.get, proc(tmp_path, cgroup))(ME, 5)
    assert read == GpuProcess(pid=ME, name=me.name(), user=me.username(), container=container, memory_bytes=5)


def test_without_an_engine_the_container_is_its_short_id_and_is_asked_once(tmp_path: Path) -> None:
    asked = []

    def name(identity: str) -> None:
        asked.append(identity)

    processes = Processes(name, proc(tmp_path, f"0::/docker/{IDENTITY}\n"))
    assert [processes(ME, None).container for _ in range(3)] == ["4f4f4f4f4f4f"] * 3
    assert asked == [IDENTITY]


def test_in_a_namespace_of_our_own_a_pid_means_somebody_else(tmp_path: Path) -> None:
    processes = Processes(lambda identity: None, proc(tmp_path, "0::/\n", "pid:[4026532555]"))
    assert processes(ME, 5) == GpuProcess(pid=ME, memory_bytes=5)


def test_a_process_that_has_ended_has_no_name(tmp_path: Path) -> None:
    assert Processes(lambda identity: None, proc(tmp_path, ""))(2**22 + 1, None) == GpuProcess(pid=2**22 + 1)
